DELETE FROM revocations WHERE kind = 'token';
ALTER TABLE revocations DROP CONSTRAINT revocations_kind_check;
ALTER TABLE revocations
    ADD CONSTRAINT revocations_kind_check CHECK (kind IN ('user', 'session', 'client'));
DROP TABLE used_jtis;
DROP TABLE refresh_tokens;
DROP TABLE authorization_codes;
DROP TABLE consents;
DELETE FROM sessions WHERE client_id IS DISTINCT FROM 'cloakroom';
ALTER TABLE sessions
    DROP COLUMN client_id,
    DROP COLUMN parent_id,
    DROP COLUMN auth_time,
    DROP COLUMN scope,
    DROP COLUMN resource,
    DROP COLUMN dpop_jkt,
    DROP COLUMN cookie_hash;
DROP INDEX sessions_by_expires_at;
ALTER TABLE clients
    DROP COLUMN authentication,
    DROP COLUMN redirect_uris,
    DROP COLUMN post_logout_redirect_uris,
    DROP COLUMN jwks,
    DROP COLUMN dpop_bound,
    DROP COLUMN revision,
    DROP COLUMN updated_at,
    ADD COLUMN secret_hash bytea,
    ADD COLUMN secret_changed_at timestamptz;
UPDATE clients SET secret_changed_at = newest.created_at, secret_hash = newest.hash
    FROM client_secrets newest
    WHERE newest.client_id = clients.id AND newest.expires_at IS NULL;
-- Clients without a secret have no row in the old table.
DELETE FROM clients WHERE secret_hash IS NULL;
ALTER TABLE clients ALTER COLUMN secret_hash SET NOT NULL, ALTER COLUMN secret_changed_at SET NOT NULL;
DROP TABLE client_secrets;
