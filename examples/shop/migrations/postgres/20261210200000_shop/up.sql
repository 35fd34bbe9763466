CREATE TABLE orders (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    item text COLLATE "C" NOT NULL,
    quantity bigint NOT NULL,
    state text NOT NULL,
    remark text,
    discount bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    revision bigint NOT NULL
);
CREATE INDEX orders_by_owner_id ON orders (owner_id, created_at, id);
CREATE INDEX orders_by_updated_at ON orders (updated_at);
CREATE TABLE addresses (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    lines text NOT NULL,
    created_at timestamptz NOT NULL,
    revision bigint NOT NULL
);
CREATE INDEX addresses_by_owner_id ON addresses (owner_id, created_at, id);
CREATE TABLE avatars (
    user_id uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    png bytea NOT NULL,
    caption text NOT NULL
);
CREATE TABLE invoices (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    order_id uuid NOT NULL UNIQUE,
    total bigint NOT NULL,
    created_at timestamptz NOT NULL,
    revision bigint NOT NULL
);
CREATE INDEX invoices_by_owner_id ON invoices (owner_id, created_at, id);
