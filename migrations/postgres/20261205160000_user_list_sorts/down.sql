DROP INDEX users_by_last_login;
DROP INDEX users_by_name;
