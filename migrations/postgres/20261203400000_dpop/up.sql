-- The key or the client whose share of the table the row is part of.
ALTER TABLE used_jtis ADD COLUMN share BYTEA;
CREATE INDEX used_jtis_by_share ON used_jtis (share);
