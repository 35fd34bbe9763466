-- Requests that their callers want done once: `key` and `request` are keyed hashes, `answer` is sealed, and
-- is missing until the request was answered.
CREATE TABLE idempotency_keys (
    key bytea PRIMARY KEY,
    request bytea NOT NULL,
    answer bytea,
    expires_at timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_by_expires_at ON idempotency_keys (expires_at);
