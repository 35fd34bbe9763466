-- Set when the ID tokens of the client have the claims that userinfo has.
ALTER TABLE clients ADD COLUMN userinfo_in_id_token BOOLEAN NOT NULL DEFAULT TRUE;
