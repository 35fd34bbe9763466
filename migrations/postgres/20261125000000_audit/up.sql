-- Changes, reads of records of others, and refusals. Lines are added, never changed.
CREATE TABLE audit (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    outcome text NOT NULL,
    reason text,
    action text NOT NULL,
    resource text NOT NULL,
    record text,
    owner_id uuid,
    actor text,
    client_id text,
    jti text,
    address text,
    request_id text,
    decision_id uuid,
    count bigint NOT NULL
);
CREATE INDEX audit_by_owner_id ON audit (owner_id, id);
