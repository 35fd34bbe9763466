-- When a key begins to sign, and when it was taken out of service. A column that must not be null cannot be added without
-- a default, so the table is made anew.
CREATE TABLE signing_keys_with_lives (
    kid TEXT NOT NULL PRIMARY KEY,
    algorithm TEXT NOT NULL,
    sealed BLOB NOT NULL,
    public_jwk TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    signs_from BIGINT NOT NULL,
    retired_at BIGINT
);
INSERT INTO signing_keys_with_lives (kid, algorithm, sealed, public_jwk, created_at, signs_from)
    SELECT kid, algorithm, sealed, public_jwk, created_at, created_at FROM signing_keys;
DROP TABLE signing_keys;
ALTER TABLE signing_keys_with_lives RENAME TO signing_keys;
