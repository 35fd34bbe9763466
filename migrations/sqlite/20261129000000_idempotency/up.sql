-- Requests that their callers want done once: `key` and `request` are keyed hashes, `answer` is sealed, and
-- is missing until the request was answered.
CREATE TABLE idempotency_keys (
    key BLOB NOT NULL PRIMARY KEY,
    request BLOB NOT NULL,
    answer BLOB,
    expires_at BIGINT NOT NULL
);
CREATE INDEX idempotency_keys_by_expires_at ON idempotency_keys (expires_at);
