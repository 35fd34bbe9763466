DROP INDEX client_secrets_by_expires_at;
DROP INDEX revocations_by_owner;
ALTER TABLE revocations DROP COLUMN owner;
DROP INDEX audit_by_action;
DROP INDEX audit_by_reason;
DROP INDEX audit_by_client_id;
DROP INDEX audit_by_address;
DROP INDEX audit_by_request_id;
