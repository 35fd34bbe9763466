DROP INDEX users_by_added;
