-- Changes, reads of records of others, and refusals. Lines are added, never changed.
CREATE TABLE audit (
    id BLOB NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    record TEXT,
    owner_id BLOB,
    actor TEXT,
    client_id TEXT,
    jti TEXT,
    address TEXT,
    request_id TEXT,
    decision_id BLOB,
    count BIGINT NOT NULL
);
CREATE INDEX audit_by_owner_id ON audit (owner_id, id);
