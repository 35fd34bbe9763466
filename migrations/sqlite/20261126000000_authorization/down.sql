CREATE TABLE revocations_without_tokens (
    seq INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'session', 'client')),
    subject TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    until BIGINT NOT NULL
);
INSERT INTO revocations_without_tokens
    SELECT seq, kind, subject, epoch, until FROM revocations WHERE kind <> 'token';
DROP TABLE revocations;
ALTER TABLE revocations_without_tokens RENAME TO revocations;
CREATE INDEX revocations_by_until ON revocations (until);
DROP TABLE used_jtis;
DROP TABLE refresh_tokens;
DROP TABLE authorization_codes;
DROP TABLE consents;
DELETE FROM sessions WHERE client_id IS NOT 'cloakroom';
CREATE TABLE sessions_of_logins (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    device TEXT,
    address TEXT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
INSERT INTO sessions_of_logins
    SELECT id, user_id, device, address, created_at, last_used_at, expires_at FROM sessions;
DROP TABLE sessions;
ALTER TABLE sessions_of_logins RENAME TO sessions;
CREATE INDEX sessions_by_user_id ON sessions (user_id, created_at);
CREATE TABLE clients_with_secret (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT,
    scope TEXT NOT NULL,
    grants TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    secret_changed_at BIGINT NOT NULL
);
-- Clients without a secret have no row in the old table.
INSERT INTO clients_with_secret
    SELECT c.id, c.name, c.scope, c.grants, s.hash, c.epoch, c.created_at, s.created_at
    FROM clients c JOIN client_secrets s ON s.client_id = c.id AND s.expires_at IS NULL;
DROP TABLE client_secrets;
DROP TABLE clients;
ALTER TABLE clients_with_secret RENAME TO clients;
