-- Jobs, each with the lease of the replica that runs it and the times of its last runs.
CREATE TABLE job_leases (
    name text COLLATE "C" PRIMARY KEY,
    run uuid,
    held_until timestamptz,
    due_at timestamptz NOT NULL,
    started_at timestamptz,
    succeeded_at timestamptz,
    failed_at timestamptz,
    error text COLLATE "C",
    runs bigint NOT NULL,
    failures bigint NOT NULL,
    failing bigint NOT NULL
);

-- Outbox: changes of records that a job reacts to. A row is written in the transaction of the change.
CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text COLLATE "C" NOT NULL,
    resource text COLLATE "C" NOT NULL,
    record text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    actor text COLLATE "C",
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    attempts bigint NOT NULL,
    error text COLLATE "C",
    given_up_at timestamptz
);
CREATE INDEX outbox_due ON outbox (job, due_at, seq) WHERE given_up_at IS NULL;
CREATE INDEX outbox_by_record ON outbox (job, resource, record, seq) WHERE given_up_at IS NULL;
CREATE INDEX outbox_waiting ON outbox (job, created_at) WHERE given_up_at IS NULL;
CREATE INDEX outbox_given_up ON outbox (given_up_at) WHERE given_up_at IS NOT NULL;
