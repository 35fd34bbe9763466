-- When a key begins to sign, and when it was taken out of service.
ALTER TABLE signing_keys ADD COLUMN signs_from timestamptz, ADD COLUMN retired_at timestamptz;
UPDATE signing_keys SET signs_from = created_at;
ALTER TABLE signing_keys ALTER COLUMN signs_from SET NOT NULL;
