CREATE TABLE notes (
    id BLOB NOT NULL PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    archived BOOLEAN NOT NULL,
    verdict TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX notes_by_created_at ON notes (created_at, id);
CREATE INDEX notes_by_owner_id ON notes (owner_id, created_at, id);

-- No reference to users: sharing with somebody must not tell whether they exist.
CREATE TABLE note_shares (
    note_id BLOB NOT NULL REFERENCES notes (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL,
    may_edit BOOLEAN NOT NULL,
    PRIMARY KEY (note_id, user_id)
) WITHOUT ROWID;
CREATE INDEX note_shares_by_user_id ON note_shares (user_id, note_id);
