-- Range tombstones: the sessions of a user, of a client, of both or of a browser session that began before
-- ended. Their rows are deleted in batches, and the tombstone after them. `with_consents` marks the deletion of
-- the user or the client itself.
CREATE TABLE tombstones (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid,
    client_id text COLLATE "C",
    parent_id uuid,
    with_consents boolean NOT NULL
);

-- Newest tombstone at the time of creation: later ones cover the row.
ALTER TABLE sessions ADD COLUMN after_tombstone bigint NOT NULL DEFAULT 0;
ALTER TABLE authorization_codes ADD COLUMN after_tombstone bigint NOT NULL DEFAULT 0;
ALTER TABLE consents ADD COLUMN after_tombstone bigint NOT NULL DEFAULT 0;
-- Number of exchanges before this token: the oldest of a session are deleted.
ALTER TABLE refresh_tokens ADD COLUMN generation bigint NOT NULL DEFAULT 0;

-- A session that outlives its browser session depends on none.
UPDATE sessions SET parent_id = NULL
    WHERE parent_id IS NOT NULL AND ' ' || scope || ' ' LIKE '% offline_access %';

-- Foreign keys that delete any number of rows in one statement are removed.
ALTER TABLE sessions DROP CONSTRAINT sessions_user_id_fkey, DROP CONSTRAINT sessions_parent_id_fkey;
ALTER TABLE consents DROP CONSTRAINT consents_user_id_fkey, DROP CONSTRAINT consents_client_id_fkey;
ALTER TABLE authorization_codes
    DROP CONSTRAINT authorization_codes_user_id_fkey,
    DROP CONSTRAINT authorization_codes_client_id_fkey,
    DROP CONSTRAINT authorization_codes_parent_id_fkey;

DROP INDEX sessions_by_user_id;
CREATE INDEX sessions_by_user_id ON sessions (user_id, created_at, id);
CREATE INDEX sessions_by_client_id ON sessions (client_id, user_id, created_at);
DROP INDEX authorization_codes_by_user_id;
CREATE INDEX authorization_codes_by_user_id ON authorization_codes (user_id, client_id, expires_at);
