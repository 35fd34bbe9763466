CREATE TABLE "tickets" (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    "state" text NOT NULL,
    "seats" bigint NOT NULL,
    "price" double precision,
    "vip" boolean NOT NULL,
    "note" text,
    "class" text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    revision bigint NOT NULL
);
CREATE INDEX tickets_by_created_at ON "tickets" (created_at, id);
CREATE INDEX tickets_by_owner_id ON "tickets" (owner_id, created_at, id);
