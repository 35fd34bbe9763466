CREATE TABLE notes (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title text COLLATE "C" NOT NULL,
    text text NOT NULL,
    archived boolean NOT NULL,
    verdict text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    revision bigint NOT NULL
);
CREATE INDEX notes_by_created_at ON notes (created_at, id);
CREATE INDEX notes_by_owner_id ON notes (owner_id, created_at, id);

-- No reference to users: sharing with somebody must not tell whether they exist.
CREATE TABLE note_shares (
    note_id uuid NOT NULL REFERENCES notes (id) ON DELETE CASCADE,
    user_id uuid NOT NULL,
    may_edit boolean NOT NULL,
    PRIMARY KEY (note_id, user_id)
);
CREATE INDEX note_shares_by_user_id ON note_shares (user_id, note_id);
