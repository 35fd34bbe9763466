ALTER TABLE job_leases DROP COLUMN sent;
DROP INDEX account_tokens_by_new_email;
ALTER TABLE account_tokens DROP COLUMN new_email_key;
