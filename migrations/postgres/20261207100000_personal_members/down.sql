-- The personal members of entries stay sealed, and no earlier version can read them.
DROP INDEX outbox_by_about;
ALTER TABLE outbox DROP COLUMN about;
DROP INDEX audit_plain;
ALTER TABLE audit_seals DROP COLUMN resealed;
DROP TABLE audit_day_keys;
DROP TABLE audit_person_keys;
