DROP INDEX used_jtis_by_share;
ALTER TABLE used_jtis DROP COLUMN share;
