-- Accounts of users of other issuers: the pair of issuer and subject names a person.
CREATE TABLE identities (
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_by_user_id ON identities (user_id);

-- When an account of theirs was deleted: a token that was issued before speaks for nobody.
CREATE TABLE departed_identities (
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    departed_at timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX departed_identities_by_departed_at ON departed_identities (departed_at);
