-- Set when the cookie of a browser session outlives the browser.
ALTER TABLE sessions ADD COLUMN is_persistent BOOLEAN NOT NULL DEFAULT FALSE;
