//! Entries: the record, its policy, its table and its routes.

use actix_web::http::Method;
use cloakroom::authz::action::{Create, Delete, List, Read, Update};
use cloakroom::authz::Reach;
use cloakroom::domain::{Invalid, Time, UserId, plain_text};
use cloakroom::http::{Body, Created, Endpoint, NewId, Now, Problem, Shown, endpoint, plain};
use cloakroom::store::Store;

// The record.

cloakroom::uuid_id! {
    /// The id of an entry.
    pub struct EntryId;
}

cloakroom::record! {
    /// A row of the table, which `migrations/` creates, and the answer in JSON.
    pub struct Entry in entries {
        /// Set by the server.
        pub id: EntryId => Uid,
        /// The owner.
        pub owner_id: UserId => Uid,
        /// The content.
        pub text: String => Text,
        /// The time of creation.
        pub created_at: Time => Moment,
        /// The time of the last change.
        pub updated_at: Time => Moment,
    }
}

cloakroom::resource! {
    Entry = "entry" {
        id: EntryId;
        owner: owner_id;
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

// The queries.

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
        endpoint(Method::PATCH, "/entries/{id}", "Change an entry", plain::update::<EntryPatch>),
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
    pub struct EntryPatch changes Entry {
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
