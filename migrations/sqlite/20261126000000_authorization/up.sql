-- A client may have two secrets while one takes the place of the other.
CREATE TABLE client_secrets (
    hash BLOB NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX client_secrets_by_client_id ON client_secrets (client_id);
INSERT INTO client_secrets (hash, client_id, created_at)
    SELECT secret_hash, id, secret_changed_at FROM clients;

ALTER TABLE clients DROP COLUMN secret_hash;
ALTER TABLE clients DROP COLUMN secret_changed_at;
ALTER TABLE clients ADD COLUMN authentication TEXT NOT NULL DEFAULT 'client_secret_basic';
ALTER TABLE clients ADD COLUMN redirect_uris TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN post_logout_redirect_uris TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN jwks TEXT;
ALTER TABLE clients ADD COLUMN dpop_bound BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE clients ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE clients ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE clients SET updated_at = created_at;

-- A session without a client is a browser that is signed in at the pages; the others are what a
-- client got tokens in, and `parent_id` says in which browser.
ALTER TABLE sessions ADD COLUMN client_id TEXT;
ALTER TABLE sessions ADD COLUMN parent_id BLOB REFERENCES sessions (id) ON DELETE SET NULL;
ALTER TABLE sessions ADD COLUMN auth_time BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN scope TEXT;
ALTER TABLE sessions ADD COLUMN resource TEXT;
ALTER TABLE sessions ADD COLUMN dpop_jkt TEXT;
ALTER TABLE sessions ADD COLUMN cookie_hash BLOB;
UPDATE sessions SET client_id = 'cloakroom', auth_time = created_at;
CREATE UNIQUE INDEX sessions_by_cookie_hash ON sessions (cookie_hash);
CREATE INDEX sessions_by_parent_id ON sessions (parent_id);
CREATE INDEX sessions_by_expires_at ON sessions (expires_at);

-- Consents: the scopes that a user granted to a client.
CREATE TABLE consents (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consents_by_client_id ON consents (client_id);

-- `session_id` is set when the code is redeemed: a second redemption ends that session.
CREATE TABLE authorization_codes (
    hash BLOB NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    parent_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    redirect_uri TEXT NOT NULL,
    scope TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    nonce TEXT,
    resource TEXT,
    dpop_jkt TEXT,
    expires_at BIGINT NOT NULL,
    session_id BLOB
);
CREATE INDEX authorization_codes_by_expires_at ON authorization_codes (expires_at);
CREATE INDEX authorization_codes_by_client_id ON authorization_codes (client_id);
CREATE INDEX authorization_codes_by_user_id ON authorization_codes (user_id);
CREATE INDEX authorization_codes_by_parent_id ON authorization_codes (parent_id);

-- Used tokens stay, so that a second use is noticed. `answer` is what the use was answered with,
-- sealed with the token itself.
CREATE TABLE refresh_tokens (
    hash BLOB NOT NULL PRIMARY KEY,
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    answer BLOB
);
CREATE INDEX refresh_tokens_by_session_id ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_by_expires_at ON refresh_tokens (expires_at);

-- Signed statements that are good for one use.
CREATE TABLE used_jtis (
    hash BLOB NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX used_jtis_by_expires_at ON used_jtis (expires_at);

-- SQLite changes no constraint in place.
CREATE TABLE revocations_with_tokens (
    seq INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'session', 'client', 'token')),
    subject TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    until BIGINT NOT NULL
);
INSERT INTO revocations_with_tokens SELECT seq, kind, subject, epoch, until FROM revocations;
DROP TABLE revocations;
ALTER TABLE revocations_with_tokens RENAME TO revocations;
CREATE INDEX revocations_by_until ON revocations (until);
