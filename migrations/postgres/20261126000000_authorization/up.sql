-- A client may have two secrets while one takes the place of the other.
CREATE TABLE client_secrets (
    hash bytea PRIMARY KEY,
    client_id text COLLATE "C" NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz
);
CREATE INDEX client_secrets_by_client_id ON client_secrets (client_id);
INSERT INTO client_secrets (hash, client_id, created_at)
    SELECT secret_hash, id, secret_changed_at FROM clients;

ALTER TABLE clients
    DROP COLUMN secret_hash,
    DROP COLUMN secret_changed_at,
    ADD COLUMN authentication text NOT NULL DEFAULT 'client_secret_basic',
    ADD COLUMN redirect_uris text NOT NULL DEFAULT '',
    ADD COLUMN post_logout_redirect_uris text NOT NULL DEFAULT '',
    ADD COLUMN jwks text,
    ADD COLUMN dpop_bound boolean NOT NULL DEFAULT false,
    ADD COLUMN revision bigint NOT NULL DEFAULT 1,
    ADD COLUMN updated_at timestamptz;
UPDATE clients SET updated_at = created_at;
ALTER TABLE clients ALTER COLUMN updated_at SET NOT NULL;

-- A session without a client is a browser that is signed in at the pages; the others are what a
-- client got tokens in, and `parent_id` says in which browser.
ALTER TABLE sessions
    ADD COLUMN client_id text COLLATE "C",
    ADD COLUMN parent_id uuid REFERENCES sessions (id) ON DELETE SET NULL,
    ADD COLUMN auth_time timestamptz,
    ADD COLUMN scope text,
    ADD COLUMN resource text,
    ADD COLUMN dpop_jkt text,
    ADD COLUMN cookie_hash bytea;
UPDATE sessions SET client_id = 'cloakroom', auth_time = created_at;
ALTER TABLE sessions ALTER COLUMN auth_time SET NOT NULL;
CREATE UNIQUE INDEX sessions_by_cookie_hash ON sessions (cookie_hash);
CREATE INDEX sessions_by_parent_id ON sessions (parent_id);
CREATE INDEX sessions_by_expires_at ON sessions (expires_at);

-- Consents: the scopes that a user granted to a client.
CREATE TABLE consents (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id text COLLATE "C" NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consents_by_client_id ON consents (client_id);

-- `session_id` is set when the code is redeemed: a second redemption ends that session.
CREATE TABLE authorization_codes (
    hash bytea PRIMARY KEY,
    client_id text COLLATE "C" NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    parent_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    redirect_uri text NOT NULL,
    scope text NOT NULL,
    code_challenge text NOT NULL,
    nonce text,
    resource text,
    dpop_jkt text,
    expires_at timestamptz NOT NULL,
    session_id uuid
);
CREATE INDEX authorization_codes_by_expires_at ON authorization_codes (expires_at);
CREATE INDEX authorization_codes_by_client_id ON authorization_codes (client_id);
CREATE INDEX authorization_codes_by_user_id ON authorization_codes (user_id);
CREATE INDEX authorization_codes_by_parent_id ON authorization_codes (parent_id);

-- Used tokens stay, so that a second use is noticed. `answer` is what the use was answered with,
-- sealed with the token itself.
CREATE TABLE refresh_tokens (
    hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    answer bytea
);
CREATE INDEX refresh_tokens_by_session_id ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_by_expires_at ON refresh_tokens (expires_at);

-- Signed statements that are good for one use.
CREATE TABLE used_jtis (
    hash bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX used_jtis_by_expires_at ON used_jtis (expires_at);

ALTER TABLE revocations DROP CONSTRAINT revocations_kind_check;
ALTER TABLE revocations
    ADD CONSTRAINT revocations_kind_check CHECK (kind IN ('user', 'session', 'client', 'token'));
