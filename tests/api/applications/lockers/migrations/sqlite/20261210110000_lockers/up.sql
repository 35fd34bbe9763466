CREATE TABLE lockers (
    id BLOB NOT NULL PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE TABLE locker_keys (
    locker_id BLOB NOT NULL REFERENCES lockers (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL,
    PRIMARY KEY (locker_id, user_id)
);
