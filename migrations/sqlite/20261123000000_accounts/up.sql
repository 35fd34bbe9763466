-- A time is microseconds since 1970 in UTC; an id is the 16 bytes of a UUID.
CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    email_verified BOOLEAN NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    password_hash TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_login_at BIGINT,
    revision BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    epoch_began_at BIGINT,
    profile TEXT NOT NULL,
    profile_revision BIGINT NOT NULL,
    name_key TEXT
);
CREATE INDEX users_by_created_at ON users (created_at, id);
CREATE INDEX users_by_name_key ON users (name_key, id);

CREATE TABLE user_roles (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    PRIMARY KEY (user_id, role)
) WITHOUT ROWID;
CREATE INDEX user_roles_by_role ON user_roles (role, user_id);

CREATE TABLE sessions (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    device TEXT,
    address TEXT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_user_id ON sessions (user_id, created_at);

CREATE TABLE clients (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT,
    scope TEXT NOT NULL,
    grants TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    secret_changed_at BIGINT NOT NULL
);

CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    algorithm TEXT NOT NULL,
    sealed BLOB NOT NULL,
    public_jwk TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Revocations end tokens before they expire. Every replica holds those that still matter.
CREATE TABLE revocations (
    seq INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'session', 'client')),
    subject TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    until BIGINT NOT NULL
);
CREATE INDEX revocations_by_until ON revocations (until);
