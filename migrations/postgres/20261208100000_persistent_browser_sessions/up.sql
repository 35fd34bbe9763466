-- Set when the cookie of a browser session outlives the browser.
ALTER TABLE sessions ADD COLUMN is_persistent boolean NOT NULL DEFAULT false;
