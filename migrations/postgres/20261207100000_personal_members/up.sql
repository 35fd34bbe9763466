-- Keys of the personal members of audit entries, sealed under the master key. A person's key ends with the account.
CREATE TABLE audit_person_keys (
    user_id uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    sealed bytea NOT NULL
);
-- Keys of the personal members that are about no known person: one for each day, counted from 1970.
CREATE TABLE audit_day_keys (
    day bigint PRIMARY KEY,
    sealed bytea NOT NULL
);

-- Entries of earlier versions have their personal members in clear until the server seals them. This second seal
-- covers the sealed form. The first one stays, so that an anchor of an earlier version stays valid.
ALTER TABLE audit_seals ADD COLUMN resealed bytea;
CREATE INDEX audit_plain ON audit (position)
    WHERE position IS NOT NULL AND (substr(address, 1, 1) <> '~' OR substr(inputs, 1, 1) <> '~');

-- Digest of the person to whom a mail goes, so that the mails of a deleted person are dropped.
ALTER TABLE outbox ADD COLUMN about bytea;
CREATE INDEX outbox_by_about ON outbox (about) WHERE about IS NOT NULL;
