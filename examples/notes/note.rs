//! Notes: the record, its policy, its table and its routes.

use actix_web::http::Method;
use cloakroom::authz::action::{Create, Delete, List, Read, Update};
use cloakroom::authz::{Allowed, Member, Reach, Relation};
use cloakroom::domain::{Invalid, Time, UserId, plain_text};
use cloakroom::http::{Body, Created, Endpoint, IfMatch, NewId, Now, Problem, Shown, endpoint, plain};
use cloakroom::store::{Store, Uid};
use diesel::prelude::*;

use super::jobs::{EMPTY_ARCHIVE, TELL_AUTHOR, Tell};
use super::moderation::{Count, Moderate};
use super::shares::{Archive, ListShares, Share};

// The record.

cloakroom::uuid_id! {
    /// A note's id.
    pub struct NoteId;
}

cloakroom::record! {
    /// A note.
    #[serde(remote = "Self")]
    pub struct Note in notes {
        /// Set by the server.
        pub id: NoteId => Uid,
        /// The author.
        pub owner_id: UserId => Uid,
        /// The subject.
        pub title: String => Text,
        /// The content.
        pub text: String => Text,
        /// Set when it is archived. An archived note cannot be changed.
        pub archived: bool => Bool,
        /// The moderators' remark, for moderators only.
        pub verdict: Option<String> => Nullable<Text>,
        /// The time of creation.
        pub created_at: Time => Moment,
        /// The time of the last change.
        pub updated_at: Time => Moment,
    }
}

cloakroom::resource! {
    Note = "note" {
        id: NoteId;
        owner: owner_id;
        relations: [READER, EDITOR, OPEN];
        members: [Member::new("verdict").read_by::<Note, Moderate>().written_by::<Note, Moderate>()];
    }
}

// The policy.

cloakroom::scopes! {
    /// The scopes of notes.
    pub SCOPES:
    NOTES_READ = "notes:read", "Read your notes and those shared with you";
    NOTES_WRITE = "notes:write", "Write, change, share and delete your notes";
    NOTES_READ_ANY = "notes:read:any", "Read all notes";
    NOTES_MODERATE = "notes:moderate", "Write the moderators' remark on a note", administrative;
    NOTES_COUNT = "notes:count", "Count all notes", administrative;
}

/// The owner shares it with the caller for reading.
pub const READER: Relation = Relation::to_caller("reader");
/// The owner shares it with the caller for editing.
pub const EDITOR: Relation = Relation::to_caller("editor");
/// It is not archived.
pub const OPEN: Relation = Relation::state("open");

cloakroom::policy! {
    Note {
        Create:     owner(NOTES_WRITE);
        List:       owner(NOTES_READ), related(READER, NOTES_READ), related(EDITOR, NOTES_READ), anyone(NOTES_READ_ANY);
        Read:       owner(NOTES_READ), related(READER, NOTES_READ), related(EDITOR, NOTES_READ), anyone(NOTES_READ_ANY);
        Update:     owner(NOTES_WRITE), related(EDITOR, NOTES_WRITE), only_while(OPEN);
        Delete:     owner(NOTES_WRITE), system(EMPTY_ARCHIVE, NOTES_MODERATE);
        Archive:    owner(NOTES_WRITE);
        Share:      owner(NOTES_WRITE);
        ListShares: owner(NOTES_READ);
        Moderate:   anyone(NOTES_MODERATE);
        Count:      anyone(NOTES_COUNT);
        Tell:       system(TELL_AUTHOR, NOTES_MODERATE);
    }
}

// The table.

diesel::table! {
    use diesel::sql_types::*;
    use super::Uid;

    note_shares (note_id, user_id) {
        note_id -> Uid,
        user_id -> Uid,
        may_edit -> Bool,
    }
}

diesel::allow_tables_to_appear_in_same_query!(notes, note_shares);

/// The share of a note with a user, if there is one.
#[diesel::dsl::auto_type]
fn share_with(user: UserId) -> _ {
    let with_user: diesel::dsl::Eq<note_shares::user_id, UserId> = note_shares::user_id.eq(user);
    note_shares::table.filter(note_shares::note_id.eq(notes::id)).filter(with_user)
}

cloakroom::stored! {
    Note in notes {
        owner: owner_id;
        touch: updated_at;
        relations: {
            READER(me) => diesel::dsl::exists(share_with(me).filter(note_shares::may_edit.eq(false)));
            EDITOR(me) => diesel::dsl::exists(share_with(me).filter(note_shares::may_edit.eq(true)));
            OPEN => notes::archived.eq(false);
        }
        sort: created_at: Time, title: String;
        filter: archived: bool, owner_id: UserId, verdict: String;
    }
}

// The routes.

/// The routes of notes.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST,   "/notes",      "Write a note",                      create),
        endpoint(Method::GET,    "/notes",      "List own and shared notes",         plain::list::<Note>),
        endpoint(Method::GET,    "/notes/{id}", "Read a note",                       plain::read::<Note>),
        endpoint(Method::PATCH,  "/notes/{id}", "Change a note",                     update),
        endpoint(Method::DELETE, "/notes/{id}", "Delete a note",                     plain::delete::<Note>),
    ]
}

cloakroom::body! {
    /// Body of `POST /notes`.
    pub struct NewNote {
        /// The subject.
        #[schema(max_length = 200)]
        title: String = required_text(title_of);
        /// The content.
        #[schema(max_length = 10_000)]
        text: String = required_text(text_of);
    }
    example { "title": "Coats", "text": "The blue one has a loose button." }
}

fn title_of(text: &str) -> Result<String, Invalid> {
    plain_text(text, 200, false)
}

fn text_of(text: &str) -> Result<String, Invalid> {
    plain_text(text, 10_000, true)
}

async fn create(
    reach: Reach<Note, Create>,
    body: Body<NewNote>,
    NewId(id): NewId<NoteId>,
    Now(now): Now,
    store: Store,
) -> Result<Created<Note>, Problem> {
    let NewNote { title, text } = body.read(NewNote::read)?;
    let (owner_id, archived, verdict) = (reach.owner()?, false, None);
    let note =
        Note { id, owner_id, title, text, archived, verdict, created_at: now, updated_at: now, revision: 1 };
    Ok(Shown::from(store.insert(reach.make(note)?).await?).created())
}

cloakroom::body! {
    /// Body of `PATCH /notes/{id}`: a merge patch (RFC 7396).
    pub struct NotePatch {
        /// The subject.
        #[schema(max_length = 200)]
        title: Option<String> = optional_text(title_of);
        /// The content.
        #[schema(max_length = 10_000)]
        text: Option<String> = optional_text(text_of);
    }
    media_type "application/merge-patch+json"
    example { "text": "The blue one has a new button." }
}

async fn update(
    note: Allowed<Note, Update>,
    body: Body<NotePatch>,
    if_match: IfMatch,
    store: Store,
) -> Result<Shown<Note>, Problem> {
    let NotePatch { title, text } = body.read(NotePatch::read)?;
    if_match.require(note.revision)?;
    let change = store.update(note, |note| {
        note.title = title.unwrap_or_else(|| note.title.clone());
        note.text = text.unwrap_or_else(|| note.text.clone());
    });
    Ok(if_match.change(change).await?.into())
}
