-- The transaction of a change looks up the revocations of its caller's token.
CREATE INDEX revocations_by_subject ON revocations (subject, kind, epoch);
-- Of a set of sessions of the user `subject`: the client, and the session that is kept.
ALTER TABLE revocations ADD COLUMN part TEXT;
