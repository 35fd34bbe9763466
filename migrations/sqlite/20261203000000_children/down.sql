DROP INDEX authorization_codes_by_user_id;
CREATE INDEX authorization_codes_by_user_id ON authorization_codes (user_id);
DROP INDEX sessions_by_client_id;
DROP INDEX sessions_by_user_id;
CREATE INDEX sessions_by_user_id ON sessions (user_id, created_at);

DELETE FROM authorization_codes WHERE user_id NOT IN (SELECT id FROM users)
    OR client_id NOT IN (SELECT id FROM clients) OR parent_id NOT IN (SELECT id FROM sessions);
DELETE FROM consents WHERE user_id NOT IN (SELECT id FROM users) OR client_id NOT IN (SELECT id FROM clients);
DELETE FROM sessions WHERE user_id NOT IN (SELECT id FROM users);
UPDATE sessions SET parent_id = NULL WHERE parent_id NOT IN (SELECT id FROM sessions);
PRAGMA writable_schema = ON;
UPDATE sqlite_schema
    SET sql = replace(sql, 'user_id BLOB NOT NULL', 'user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE')
    WHERE type = 'table' AND name IN ('sessions', 'authorization_codes', 'consents');
UPDATE sqlite_schema
    SET sql = replace(sql, 'client_id TEXT NOT NULL', 'client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE')
    WHERE type = 'table' AND name IN ('authorization_codes', 'consents');
UPDATE sqlite_schema
    SET sql = replace(sql, 'parent_id BLOB NOT NULL', 'parent_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE')
    WHERE type = 'table' AND name = 'authorization_codes';
UPDATE sqlite_schema
    SET sql = replace(sql, 'parent_id BLOB', 'parent_id BLOB REFERENCES sessions (id) ON DELETE SET NULL')
    WHERE type = 'table' AND name = 'sessions';
PRAGMA writable_schema = RESET;

ALTER TABLE refresh_tokens DROP COLUMN generation;
ALTER TABLE consents DROP COLUMN after_tombstone;
ALTER TABLE authorization_codes DROP COLUMN after_tombstone;
ALTER TABLE sessions DROP COLUMN after_tombstone;
DROP TABLE tombstones;
