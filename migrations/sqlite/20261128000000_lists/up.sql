-- A list that is filtered by role is read in its order, whichever that is: the keys stand with the role.
CREATE TABLE user_roles_with_keys (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    email_key TEXT NOT NULL,
    PRIMARY KEY (user_id, role)
) WITHOUT ROWID;
INSERT INTO user_roles_with_keys (user_id, role, created_at, email_key)
    SELECT r.user_id, r.role, u.created_at, u.email_key FROM user_roles r JOIN users u ON u.id = r.user_id;
DROP TABLE user_roles;
ALTER TABLE user_roles_with_keys RENAME TO user_roles;
CREATE INDEX user_roles_by_created_at ON user_roles (role, created_at, user_id);
CREATE INDEX user_roles_by_email_key ON user_roles (role, email_key);
CREATE INDEX users_by_status_and_created_at ON users (status, created_at, id);
CREATE INDEX users_by_status_and_email_key ON users (status, email_key);
