DROP INDEX guesses_evictable;
ALTER TABLE guesses DROP COLUMN evictable;
