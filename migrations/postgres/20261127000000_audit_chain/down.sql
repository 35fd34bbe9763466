DROP TABLE audit_seals;
DROP INDEX audit_by_record;
DROP INDEX audit_by_actor;
DROP INDEX audit_unsealed;
DROP INDEX audit_by_position;
ALTER TABLE audit DROP COLUMN position;
ALTER TABLE audit DROP COLUMN inputs;
ALTER TABLE audit ADD COLUMN decision_id uuid;
UPDATE audit SET decision_id = id WHERE outcome = 'refused';
