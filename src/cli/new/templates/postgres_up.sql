CREATE TABLE "parcels" (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    text text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    revision bigint NOT NULL
);
CREATE INDEX parcels_by_created_at ON "parcels" (created_at, id);
CREATE INDEX parcels_by_owner_id ON "parcels" (owner_id, created_at, id);
