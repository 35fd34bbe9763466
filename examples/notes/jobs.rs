//! Jobs of the application: it deletes old archived notes, and tells authors of a moderator's remark.

use std::time::Duration;

use chrono::TimeDelta;
use cloakroom::authz::System;
use cloakroom::authz::action::{Delete, List};
use cloakroom::domain::Time;
use cloakroom::jobs::{Event, Job, JobError};
use cloakroom::on;
use diesel::prelude::*;

use super::note::{NOTES_MODERATE, NOTES_READ_ANY, Note, NoteId, notes};

cloakroom::actions! {
    /// Tell the author of a moderator's remark.
    pub Tell = "tell", changes;
}

/// Deletes notes that were archived long ago.
pub const EMPTY_ARCHIVE: System = System::new("empty the archive", &[NOTES_READ_ANY, NOTES_MODERATE]);
/// Tells authors of a moderator's remark.
pub const TELL_AUTHOR: System = System::new("tell the author", &[NOTES_READ_ANY, NOTES_MODERATE]);

pub const EVERY_HOUR: Duration = Duration::from_secs(3_600);

/// How long an archived note is kept without a change.
const KEPT: TimeDelta = TimeDelta::days(90);

/// Most notes that one run deletes. The next run continues.
const BATCH: i64 = 500;

/// Deletes the notes that were archived long ago.
pub async fn empty_archive(job: Job) -> Result<(), JobError> {
    let before = Time(job.now().0 - KEPT);
    let reach = job.reach::<Note, List>()?;
    // The row filter lets each note through: the policy permits `anyone` with this scope.
    let found = job.store().gather(&reach, move |conn, _| {
        let old = notes::table.filter(notes::archived.eq(true)).filter(notes::updated_at.lt(before));
        let ids: Vec<NoteId> = on!(conn, |c| old.select(notes::id).limit(BATCH).load(c))?;
        Ok(ids)
    });
    for id in found.await? {
        let Some(note) = job.open::<Note, Delete>(id).await? else { continue };
        // The owner may have restored it since it was found.
        if note.archived && note.updated_at < before {
            job.store().remove(note).await?;
        }
    }
    Ok(())
}

diesel::table! {
    use diesel::sql_types::*;
    use cloakroom::store::Uid;

    note_news (event) {
        event -> BigInt,
        note_id -> Uid,
        text -> Text,
    }
}

/// Tells the author. A change can be delivered twice: the second time its row is there already.
pub async fn tell_author(job: Job, event: Event<Note>) -> Result<(), JobError> {
    // The author may have deleted the note since.
    let Some(note) = job.open::<Note, Tell>(event.record).await? else { return Ok(()) };
    let told = job.store().change(&note, move |conn, note| {
        let text = note.verdict.as_deref().unwrap_or("The remark was removed.");
        let row = (note_news::event.eq(event.id), note_news::note_id.eq(note.id), note_news::text.eq(text));
        on!(conn, |c| diesel::insert_into(note_news::table).values(row).on_conflict_do_nothing().execute(c))?;
        Ok(())
    });
    Ok(told.await?)
}
