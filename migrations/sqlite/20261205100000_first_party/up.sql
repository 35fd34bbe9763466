-- Set when an administrator trusts the client as the own application of this service.
ALTER TABLE clients ADD COLUMN first_party BOOLEAN NOT NULL DEFAULT FALSE;
