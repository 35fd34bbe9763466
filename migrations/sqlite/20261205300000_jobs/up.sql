-- Jobs, each with the lease of the replica that runs it and the times of its last runs.
CREATE TABLE job_leases (
    name TEXT PRIMARY KEY NOT NULL,
    run BLOB,
    held_until BIGINT,
    due_at BIGINT NOT NULL,
    started_at BIGINT,
    succeeded_at BIGINT,
    failed_at BIGINT,
    error TEXT,
    runs BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    failing BIGINT NOT NULL
);

-- Outbox: changes of records that a job reacts to. A row is written in the transaction of the change.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    job TEXT NOT NULL,
    resource TEXT NOT NULL,
    record TEXT NOT NULL,
    action TEXT NOT NULL,
    actor TEXT,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    error TEXT,
    given_up_at BIGINT
);
CREATE INDEX outbox_due ON outbox (job, due_at, seq) WHERE given_up_at IS NULL;
CREATE INDEX outbox_by_record ON outbox (job, resource, record, seq) WHERE given_up_at IS NULL;
CREATE INDEX outbox_waiting ON outbox (job, created_at) WHERE given_up_at IS NULL;
CREATE INDEX outbox_given_up ON outbox (given_up_at) WHERE given_up_at IS NOT NULL;
