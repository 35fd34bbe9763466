-- How many guesses at passwords were wrong of late: `key` is the hash of what is counted together.
CREATE TABLE guesses (
    key bytea PRIMARY KEY,
    began_at timestamptz NOT NULL,
    made integer NOT NULL
);
CREATE INDEX guesses_by_began_at ON guesses (began_at);
