-- Range tombstones: the sessions of a user, of a client, of both or of a browser session that began before
-- ended. Their rows are deleted in batches, and the tombstone after them. `with_consents` marks the deletion of
-- the user or the client itself.
CREATE TABLE tombstones (
    seq INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id BLOB,
    client_id TEXT,
    parent_id BLOB,
    with_consents BOOLEAN NOT NULL
);

-- Newest tombstone at the time of creation: later ones cover the row.
ALTER TABLE sessions ADD COLUMN after_tombstone BIGINT NOT NULL DEFAULT 0;
ALTER TABLE authorization_codes ADD COLUMN after_tombstone BIGINT NOT NULL DEFAULT 0;
ALTER TABLE consents ADD COLUMN after_tombstone BIGINT NOT NULL DEFAULT 0;
-- Number of exchanges before this token: the oldest of a session are deleted.
ALTER TABLE refresh_tokens ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;

-- A session that outlives its browser session depends on none.
UPDATE sessions SET parent_id = NULL
    WHERE parent_id IS NOT NULL AND ' ' || scope || ' ' LIKE '% offline_access %';

-- Foreign keys that delete any number of rows in one statement are removed. This is the procedure of SQLite's
-- documentation for it (ALTER TABLE, section 7). A copy of the tables would lock the database for minutes.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, ' REFERENCES users (id) ON DELETE CASCADE', '')
    WHERE type = 'table' AND name IN ('sessions', 'authorization_codes', 'consents');
UPDATE sqlite_schema SET sql = replace(sql, ' REFERENCES clients (id) ON DELETE CASCADE', '')
    WHERE type = 'table' AND name IN ('authorization_codes', 'consents');
UPDATE sqlite_schema SET sql = replace(sql, ' REFERENCES sessions (id) ON DELETE CASCADE', '')
    WHERE type = 'table' AND name = 'authorization_codes';
UPDATE sqlite_schema SET sql = replace(sql, ' REFERENCES sessions (id) ON DELETE SET NULL', '')
    WHERE type = 'table' AND name = 'sessions';
PRAGMA writable_schema = RESET;

DROP INDEX sessions_by_user_id;
CREATE INDEX sessions_by_user_id ON sessions (user_id, created_at, id);
CREATE INDEX sessions_by_client_id ON sessions (client_id, user_id, created_at);
DROP INDEX authorization_codes_by_user_id;
CREATE INDEX authorization_codes_by_user_id ON authorization_codes (user_id, client_id, expires_at);
