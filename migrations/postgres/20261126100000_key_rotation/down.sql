ALTER TABLE signing_keys DROP COLUMN retired_at, DROP COLUMN signs_from;
