CREATE TABLE "addresses" (
    id BLOB NOT NULL PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX addresses_by_created_at ON "addresses" (created_at, id);
CREATE INDEX addresses_by_owner_id ON "addresses" (owner_id, created_at, id);
