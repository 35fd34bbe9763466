CREATE TABLE "entries" (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    text text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    revision bigint NOT NULL
);
CREATE INDEX entries_by_created_at ON "entries" (created_at, id);
CREATE INDEX entries_by_owner_id ON "entries" (owner_id, created_at, id);
