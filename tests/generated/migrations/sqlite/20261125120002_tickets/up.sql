CREATE TABLE "tickets" (
    id BLOB NOT NULL PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    "state" TEXT NOT NULL,
    "seats" BIGINT NOT NULL,
    "price" DOUBLE,
    "vip" BOOLEAN NOT NULL,
    "note" TEXT,
    "class" TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX tickets_by_created_at ON "tickets" (created_at, id);
CREATE INDEX tickets_by_owner_id ON "tickets" (owner_id, created_at, id);
