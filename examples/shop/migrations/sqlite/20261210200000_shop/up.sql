CREATE TABLE orders (
    id BLOB NOT NULL PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    item TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    state TEXT NOT NULL,
    remark TEXT,
    discount BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX orders_by_owner_id ON orders (owner_id, created_at, id);
CREATE INDEX orders_by_updated_at ON orders (updated_at);
CREATE TABLE addresses (
    id BLOB NOT NULL PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    lines TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX addresses_by_owner_id ON addresses (owner_id, created_at, id);
CREATE TABLE avatars (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    png BLOB NOT NULL,
    caption TEXT NOT NULL
);
CREATE TABLE invoices (
    id BLOB NOT NULL PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    order_id BLOB NOT NULL UNIQUE,
    total BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX invoices_by_owner_id ON invoices (owner_id, created_at, id);
