-- Accounts of users of other issuers: the pair of issuer and subject names a person.
CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;
CREATE INDEX identities_by_user_id ON identities (user_id);

-- When an account of theirs was deleted: a token that was issued before speaks for nobody.
CREATE TABLE departed_identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    departed_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;
CREATE INDEX departed_identities_by_departed_at ON departed_identities (departed_at);
