CREATE TABLE "seats" (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    "row" bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    revision bigint NOT NULL
);
CREATE INDEX seats_by_created_at ON "seats" (created_at, id);
CREATE INDEX seats_by_owner_id ON "seats" (owner_id, created_at, id);
