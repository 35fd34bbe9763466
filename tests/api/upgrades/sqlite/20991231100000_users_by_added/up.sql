CREATE INDEX users_by_added ON users (added, id);
