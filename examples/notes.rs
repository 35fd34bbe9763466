//! A complete application built on cloakroom: notes. A note belongs to its author, who shares it with other users for
//! reading or editing. Moderators review notes.
//!
//! `cargo run --example notes` serves it, with all routes of cloakroom. `docs/extending.md` explains it step by step.

#[path = "notes/jobs.rs"]
mod jobs;
#[path = "notes/labels.rs"]
mod labels;
#[path = "notes/moderation.rs"]
mod moderation;
#[path = "notes/note.rs"]
mod note;
#[path = "notes/shares.rs"]
mod shares;

use std::process::ExitCode;

use cloakroom::App;
use cloakroom::domain::Role;
use cloakroom::store::Migrations;
use diesel_migrations::embed_migrations;
use moderation::Moderate;
use note::Note;

static MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("examples/notes/migrations/sqlite"),
    postgres: embed_migrations!("examples/notes/migrations/postgres"),
};

/// Reviews all notes.
const MODERATOR: Role = Role::new("moderator");

/// Cloakroom with notes.
pub fn app() -> App {
    App::new("notes")
        .settings::<shares::ShareSettings>()
        .migrations(&MIGRATIONS)
        .scopes(note::SCOPES)
        .scopes(labels::SCOPES)
        .role(MODERATOR, &[note::NOTES_READ_ANY, note::NOTES_MODERATE])
        .endpoints(note::endpoints())
        .endpoints(shares::endpoints())
        .endpoints(moderation::endpoints())
        .endpoints(labels::endpoints())
        .job(jobs::EMPTY_ARCHIVE, jobs::EVERY_HOUR, jobs::empty_archive)
        .after::<Note, Moderate>(jobs::TELL_AUTHOR, jobs::tell_author)
}

fn main() -> ExitCode {
    app().run()
}
