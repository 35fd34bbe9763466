CREATE TABLE orders (
    id BLOB NOT NULL PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    item TEXT NOT NULL,
    discount TEXT,
    placed BOOLEAN NOT NULL,
    revision BIGINT NOT NULL
);
