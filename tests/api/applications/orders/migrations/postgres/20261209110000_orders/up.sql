CREATE TABLE orders (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    item text NOT NULL,
    discount text,
    placed boolean NOT NULL,
    revision bigint NOT NULL
);
