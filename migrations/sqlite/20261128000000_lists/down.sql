DROP INDEX users_by_status_and_email_key;
DROP INDEX users_by_status_and_created_at;
DROP INDEX user_roles_by_email_key;
DROP INDEX user_roles_by_created_at;
CREATE INDEX user_roles_by_role ON user_roles (role, user_id);
ALTER TABLE user_roles DROP COLUMN email_key;
ALTER TABLE user_roles DROP COLUMN created_at;
