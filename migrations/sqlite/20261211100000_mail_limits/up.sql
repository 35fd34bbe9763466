-- Key of the address that a token confirms: the mails to one address are counted over all accounts.
ALTER TABLE account_tokens ADD COLUMN new_email_key TEXT;
CREATE INDEX account_tokens_by_new_email ON account_tokens (new_email_key, created_at);

-- Number of mails that the job has sent.
ALTER TABLE job_leases ADD COLUMN sent BIGINT NOT NULL DEFAULT 0;
