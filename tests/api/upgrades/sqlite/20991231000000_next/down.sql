DROP TABLE additions;
ALTER TABLE sessions DROP COLUMN added;
ALTER TABLE users DROP COLUMN added;
