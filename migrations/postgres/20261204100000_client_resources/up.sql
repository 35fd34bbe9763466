-- Identifiers of the resource servers that the client is, separated by spaces.
ALTER TABLE clients ADD COLUMN resources text NOT NULL DEFAULT '';
