//! Entries: the record, its policy, its table and its routes.

use actix_web::http::Method;
use cloakroom::authz::action::{Create, Delete, List, Read, Update};
use cloakroom::authz::{Allowed, OwnerFrom, Reach, Resource};
use cloakroom::domain::{Invalid, Time, UserId, plain_text};
use cloakroom::http::{
    Body, Created, Endpoint, IfMatch, NewId, Now, Problem, Shown, endpoint, plain,
};
use cloakroom::store::{Moment, Store, Uid};
use diesel::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

// The record.

cloakroom::uuid_id! {
    /// The id of an entry.
    pub struct EntryId;
}

/// A row of the table, and the answer in JSON.
#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset, Serialize, ToSchema)]
#[diesel(table_name = entries, treat_none_as_null = true)]
pub struct Entry {
    /// Set by the server.
    pub id: EntryId,
    /// The owner.
    pub owner_id: UserId,
    /// The content.
    pub text: String,
    /// The time of creation.
    pub created_at: Time,
    /// The time of the last change.
    pub updated_at: Time,
    /// Grows with every change. It is in the `ETag`, not in the JSON.
    #[serde(skip)]
    #[schema(ignore)]
    pub revision: i64,
}

impl Resource for Entry {
    type Id = EntryId;
    const NAME: &'static str = "entry";
    const OWNER: OwnerFrom = OwnerFrom::Record;

    fn id(&self) -> EntryId {
        self.id
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner_id)
    }
}

// The policy.

cloakroom::scopes! {
    /// The scopes of entries.
    pub SCOPES:
    ENTRIES_READ = "entries:read", "Read your entries";
    ENTRIES_WRITE = "entries:write", "Make, change and delete your entries";
    ENTRIES_READ_ANY = "entries:read:any", "Read everyone's entries";
}

cloakroom::policy! {
    Entry {
        Create: owner(ENTRIES_WRITE);
        List:   owner(ENTRIES_READ), anyone(ENTRIES_READ_ANY);
        Read:   owner(ENTRIES_READ), anyone(ENTRIES_READ_ANY);
        Update: owner(ENTRIES_WRITE);
        Delete: owner(ENTRIES_WRITE);
    }
}

// The table, which `migrations/` creates.

diesel::table! {
    use diesel::sql_types::*;
    use super::{Moment, Uid};

    entries (id) {
        id -> Uid,
        owner_id -> Uid,
        text -> Text,
        created_at -> Moment,
        updated_at -> Moment,
        revision -> BigInt,
    }
}

cloakroom::stored! {
    Entry in entries {
        owner: owner_id;
        touch: updated_at;
        sort: created_at: Time;
        filter: owner_id: UserId;
    }
}

// The routes.

/// The routes; `app()` in `lib.rs` adds them.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/entries", "Make an entry", create),
        endpoint(Method::GET, "/entries", "List entries", plain::list::<Entry>),
        endpoint(Method::GET, "/entries/{id}", "Read an entry", plain::read::<Entry>),
        endpoint(Method::PATCH, "/entries/{id}", "Change an entry", update),
        endpoint(Method::DELETE, "/entries/{id}", "Delete an entry", plain::delete::<Entry>),
    ]
}

cloakroom::body! {
    /// Body of `POST /entries`.
    pub struct NewEntry {
        /// The content.
        #[schema(max_length = 10_000)]
        text: String = required_text(text_of);
    }
    example { "text": "The blue one has a loose button." }
}

cloakroom::body! {
    /// Body of `PATCH /entries/{id}`: a merge patch (RFC 7396).
    pub struct EntryPatch {
        /// The content.
        #[schema(max_length = 10_000)]
        text: Option<String> = optional_text(text_of);
    }
    media_type "application/merge-patch+json"
    example { "text": "The blue one has a new button." }
}

fn text_of(text: &str) -> Result<String, Invalid> {
    plain_text(text, 10_000, true)
}

async fn create(
    reach: Reach<Entry, Create>,
    body: Body<NewEntry>,
    NewId(id): NewId<EntryId>,
    Now(now): Now,
    store: Store,
) -> Result<Created<Entry>, Problem> {
    let NewEntry { text } = body.read(NewEntry::read)?;
    let owner_id = reach.owner()?;
    let new = Entry {
        id,
        owner_id,
        text,
        created_at: now,
        updated_at: now,
        revision: 1,
    };
    let made = store.insert(reach.make(new)?).await?;
    Ok(Shown::from(made).created())
}

async fn update(
    entry: Allowed<Entry, Update>,
    body: Body<EntryPatch>,
    if_match: IfMatch,
    store: Store,
) -> Result<Shown<Entry>, Problem> {
    let EntryPatch { text } = body.read(EntryPatch::read)?;
    if_match.require(entry.revision)?;
    let change = store.update(entry, |entry| {
        if let Some(text) = text {
            entry.text = text;
        }
    });
    Ok(if_match.change(change).await?.into())
}
