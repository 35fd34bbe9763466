-- Text that is compared or sorted has the collation "C": the same order on every database.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    email_key text COLLATE "C" NOT NULL CONSTRAINT users_email_key_unique UNIQUE,
    email_verified boolean NOT NULL,
    status text NOT NULL CHECK (status IN ('active', 'suspended')),
    password_hash text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    last_login_at timestamptz,
    revision bigint NOT NULL,
    epoch bigint NOT NULL,
    epoch_began_at timestamptz,
    profile text NOT NULL,
    profile_revision bigint NOT NULL,
    name_key text COLLATE "C"
);
CREATE INDEX users_by_created_at ON users (created_at, id);
CREATE INDEX users_by_name_key ON users (name_key, id);

CREATE TABLE user_roles (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, role)
);
CREATE INDEX user_roles_by_role ON user_roles (role, user_id);

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    device text,
    address text,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_by_user_id ON sessions (user_id, created_at);

CREATE TABLE clients (
    id text COLLATE "C" PRIMARY KEY,
    name text,
    scope text NOT NULL,
    grants text NOT NULL,
    secret_hash bytea NOT NULL,
    epoch bigint NOT NULL,
    created_at timestamptz NOT NULL,
    secret_changed_at timestamptz NOT NULL
);

CREATE TABLE signing_keys (
    kid text COLLATE "C" PRIMARY KEY,
    algorithm text NOT NULL,
    sealed bytea NOT NULL,
    public_jwk text NOT NULL,
    created_at timestamptz NOT NULL
);

-- Revocations end tokens before they expire. Every replica holds those that still matter.
CREATE TABLE revocations (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('user', 'session', 'client')),
    subject text NOT NULL,
    epoch bigint NOT NULL,
    until timestamptz NOT NULL
);
CREATE INDEX revocations_by_until ON revocations (until);
