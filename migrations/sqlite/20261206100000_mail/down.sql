DROP TABLE pending_registrations;
DROP TABLE account_tokens;
ALTER TABLE outbox DROP COLUMN payload;
ALTER TABLE users DROP COLUMN pending_email;
