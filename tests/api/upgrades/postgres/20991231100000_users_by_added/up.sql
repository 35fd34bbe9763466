CREATE INDEX CONCURRENTLY users_by_added ON users (added, id);
