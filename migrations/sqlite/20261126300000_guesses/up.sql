-- How many guesses at passwords were wrong of late: `key` is the hash of what is counted together.
CREATE TABLE guesses (
    key BLOB NOT NULL PRIMARY KEY,
    began_at BIGINT NOT NULL,
    made INTEGER NOT NULL
);
CREATE INDEX guesses_by_began_at ON guesses (began_at);
