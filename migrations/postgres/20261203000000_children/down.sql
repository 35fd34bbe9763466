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
ALTER TABLE sessions
    ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (parent_id) REFERENCES sessions (id) ON DELETE SET NULL;
ALTER TABLE consents
    ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (client_id) REFERENCES clients (id) ON DELETE CASCADE;
ALTER TABLE authorization_codes
    ADD FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (client_id) REFERENCES clients (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (parent_id) REFERENCES sessions (id) ON DELETE CASCADE;

ALTER TABLE refresh_tokens DROP COLUMN generation;
ALTER TABLE consents DROP COLUMN after_tombstone;
ALTER TABLE authorization_codes DROP COLUMN after_tombstone;
ALTER TABLE sessions DROP COLUMN after_tombstone;
DROP TABLE tombstones;
