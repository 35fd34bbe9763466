CREATE TABLE labels (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    colour text NOT NULL,
    uses bigint NOT NULL,
    created_at timestamptz NOT NULL,
    revision bigint NOT NULL
);
CREATE INDEX labels_by_owner_id ON labels (owner_id, created_at, id);
