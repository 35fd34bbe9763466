ALTER TABLE clients DROP COLUMN userinfo_in_id_token;
