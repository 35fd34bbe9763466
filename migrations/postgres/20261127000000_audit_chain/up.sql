-- A decision's id is that of its line. `inputs` is what the decision went by; `position` is the
-- line's place in the chain, and none while it is not sealed.
UPDATE audit SET id = decision_id WHERE decision_id IS NOT NULL;
ALTER TABLE audit DROP COLUMN decision_id;
ALTER TABLE audit ADD COLUMN inputs text;
ALTER TABLE audit ADD COLUMN position bigint;
CREATE UNIQUE INDEX audit_by_position ON audit (position) WHERE position IS NOT NULL;
CREATE INDEX audit_unsealed ON audit (id) WHERE position IS NULL;
CREATE INDEX audit_by_actor ON audit (actor, id);
CREATE INDEX audit_by_record ON audit (record, id);
-- The chain: each seal is made of the one before it and of the line at its position.
CREATE TABLE audit_seals (
    position bigint PRIMARY KEY,
    seal bytea NOT NULL
);
