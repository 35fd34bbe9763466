CREATE TABLE "seats" (
    id BLOB NOT NULL PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    "row" BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX seats_by_created_at ON "seats" (created_at, id);
CREATE INDEX seats_by_owner_id ON "seats" (owner_id, created_at, id);
