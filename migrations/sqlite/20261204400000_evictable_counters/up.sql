-- True for a counter that anyone can make at no cost: the oldest are deleted when there are too many.
ALTER TABLE guesses ADD COLUMN evictable BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX guesses_evictable ON guesses (began_at) WHERE evictable;
