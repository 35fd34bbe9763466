-- At most one token of a session has an answer: an exchange finds it, however many there were before.
CREATE INDEX refresh_tokens_answered ON refresh_tokens (session_id) WHERE answer IS NOT NULL;
