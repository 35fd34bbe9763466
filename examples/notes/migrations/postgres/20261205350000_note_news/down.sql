DROP INDEX notes_by_updated_at;
DROP TABLE note_news;
