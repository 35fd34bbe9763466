-- The master keys that sealed this database, the last one in use. `sealed` has the keys of the audit trail that belong to
-- a master key, sealed under the one in use: the entries from `first_position` on need them for as long as they exist.
CREATE TABLE master_keys (
    number bigint PRIMARY KEY,
    fingerprint text NOT NULL,
    first_position bigint NOT NULL,
    sealed bytea,
    created_at timestamptz NOT NULL,
    resealed_at timestamptz
);
