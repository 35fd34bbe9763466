ALTER TABLE revocations DROP COLUMN part;
DROP INDEX revocations_by_subject;
