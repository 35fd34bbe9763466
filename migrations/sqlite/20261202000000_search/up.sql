-- Search terms of a user: the address, `@` and its domain, and the name from each of its first ten words on.
CREATE TABLE user_search_terms (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    term TEXT NOT NULL,
    PRIMARY KEY (user_id, term)
) WITHOUT ROWID;
INSERT INTO user_search_terms (user_id, term)
    WITH RECURSIVE names (user_id, rest, word) AS (
        SELECT id, name_key, 1 FROM users WHERE name_key IS NOT NULL
        UNION ALL
        SELECT user_id, ltrim(substr(rest, instr(rest, ' ') + 1), ' '), word + 1
            FROM names WHERE instr(rest, ' ') > 0 AND word < 10
    )
    SELECT user_id, rest FROM names WHERE rest <> ''
    UNION SELECT id, email_key FROM users
    UNION SELECT id, substr(email_key, instr(email_key, '@')) FROM users;
CREATE INDEX user_search_terms_by_term ON user_search_terms (term, user_id);
DROP INDEX users_by_name_key;
