DROP INDEX sessions_by_parent_id;
CREATE INDEX sessions_by_parent_id ON sessions (parent_id);
DROP INDEX sessions_by_cookie_hash;
CREATE UNIQUE INDEX sessions_by_cookie_hash ON sessions (cookie_hash);
