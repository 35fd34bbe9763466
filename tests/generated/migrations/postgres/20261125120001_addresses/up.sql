CREATE TABLE "addresses" (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    text text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    revision bigint NOT NULL
);
CREATE INDEX addresses_by_created_at ON "addresses" (created_at, id);
CREATE INDEX addresses_by_owner_id ON "addresses" (owner_id, created_at, id);
