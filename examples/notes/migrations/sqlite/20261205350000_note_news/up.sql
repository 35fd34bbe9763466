-- News for authors. The id of the change makes each one unique.
CREATE TABLE note_news (
    event BIGINT NOT NULL PRIMARY KEY,
    note_id BLOB NOT NULL REFERENCES notes (id) ON DELETE CASCADE,
    text TEXT NOT NULL
);
CREATE INDEX note_news_by_note_id ON note_news (note_id, event);
CREATE INDEX notes_by_updated_at ON notes (updated_at) WHERE archived;
