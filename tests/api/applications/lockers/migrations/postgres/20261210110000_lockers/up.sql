CREATE TABLE lockers (
    id uuid NOT NULL PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code text NOT NULL,
    created_at timestamptz NOT NULL,
    revision bigint NOT NULL
);
CREATE TABLE locker_keys (
    locker_id uuid NOT NULL REFERENCES lockers (id) ON DELETE CASCADE,
    user_id uuid NOT NULL,
    PRIMARY KEY (locker_id, user_id)
);
