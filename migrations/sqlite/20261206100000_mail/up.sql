-- The address that replaces a user's address once its owner confirms it.
ALTER TABLE users ADD COLUMN pending_email TEXT;

-- Content of a message that is no change of a record, sealed: a mail to send.
ALTER TABLE outbox ADD COLUMN payload BLOB;

-- Tokens of mailed links. A token that was used, or that lost its effect, is kept until it expires. So a mail that
-- is sent twice does not revive it, and the mails of an hour and of a day can be counted.
CREATE TABLE account_tokens (
    hash BLOB PRIMARY KEY NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    email TEXT NOT NULL,
    new_email TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX account_tokens_by_user ON account_tokens (user_id, purpose, created_at);
CREATE INDEX account_tokens_by_expiry ON account_tokens (expires_at);

-- Registrations whose address is not proved yet, sealed. Without content: a mail that told the owner of a taken
-- address.
CREATE TABLE pending_registrations (
    hash BLOB PRIMARY KEY NOT NULL,
    email_key TEXT NOT NULL,
    sealed BLOB,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX pending_registrations_by_email ON pending_registrations (email_key, created_at);
CREATE INDEX pending_registrations_by_expiry ON pending_registrations (expires_at);
