CREATE INDEX users_by_name_key ON users (name_key, id);
DROP TABLE user_search_terms;
