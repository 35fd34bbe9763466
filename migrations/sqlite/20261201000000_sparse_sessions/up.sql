-- Most sessions have no cookie and hang on none: what has nothing is in no index.
DROP INDEX sessions_by_cookie_hash;
CREATE UNIQUE INDEX sessions_by_cookie_hash ON sessions (cookie_hash) WHERE cookie_hash IS NOT NULL;
DROP INDEX sessions_by_parent_id;
CREATE INDEX sessions_by_parent_id ON sessions (parent_id) WHERE parent_id IS NOT NULL;
