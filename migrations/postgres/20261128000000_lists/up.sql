-- A list that is filtered by role is read in its order, whichever that is: the keys stand with the role.
ALTER TABLE user_roles ADD COLUMN created_at timestamptz, ADD COLUMN email_key text COLLATE "C";
UPDATE user_roles r SET created_at = u.created_at, email_key = u.email_key FROM users u WHERE u.id = r.user_id;
ALTER TABLE user_roles ALTER COLUMN created_at SET NOT NULL, ALTER COLUMN email_key SET NOT NULL;
DROP INDEX user_roles_by_role;
CREATE INDEX user_roles_by_created_at ON user_roles (role, created_at, user_id);
CREATE INDEX user_roles_by_email_key ON user_roles (role, email_key);
CREATE INDEX users_by_status_and_created_at ON users (status, created_at, id);
CREATE INDEX users_by_status_and_email_key ON users (status, email_key);
