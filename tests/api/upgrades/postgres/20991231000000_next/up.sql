ALTER TABLE users ADD COLUMN added bigint NOT NULL DEFAULT 7;
ALTER TABLE sessions ADD COLUMN added text;
CREATE TABLE additions (id bigint PRIMARY KEY, user_id uuid REFERENCES users (id) ON DELETE CASCADE);
