ALTER TABLE clients DROP COLUMN resources;
