DROP TABLE note_shares;
DROP TABLE notes;
