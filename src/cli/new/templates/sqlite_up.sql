CREATE TABLE "parcels" (
    id BLOB NOT NULL PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX parcels_by_created_at ON "parcels" (created_at, id);
CREATE INDEX parcels_by_owner_id ON "parcels" (owner_id, created_at, id);
