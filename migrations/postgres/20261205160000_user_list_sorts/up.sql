-- Lists of users by name and by the last login. A user without one comes before the others.
CREATE INDEX users_by_name ON users (COALESCE(name_key, ''), id);
CREATE INDEX users_by_last_login ON users (COALESCE(last_login_at, TIMESTAMPTZ '1970-01-01 00:00:00+00'), id);
