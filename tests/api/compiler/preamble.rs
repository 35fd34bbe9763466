use cloakroom::authz::action::{Create, Delete, Read, Update};
use cloakroom::authz::{Allowed, OwnerFrom, Reach, Resource};
use cloakroom::domain::{Time, UserId};
use cloakroom::http::{Body, BodyType, Endpoint, NoContent, Problem, Public, Shown, endpoint};
use cloakroom::store::{Moment, Store, Uid};
use actix_web::http::Method;
use diesel::prelude::*;

cloakroom::uuid_id! {
    /// Id of a note.
    pub struct NoteId;
}

diesel::table! {
    use diesel::sql_types::*;
    use super::{Moment, Uid};

    notes (id) {
        id -> Uid,
        owner_id -> Uid,
        text -> Text,
        created_at -> Moment,
        revision -> BigInt,
    }
}

/// Note.
#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset, serde::Serialize, utoipa::ToSchema)]
#[diesel(table_name = notes)]
pub struct Note {
    pub id: NoteId,
    pub owner_id: UserId,
    pub text: String,
    pub created_at: Time,
    #[serde(skip)]
    pub revision: i64,
}

impl Resource for Note {
    type Id = NoteId;
    const NAME: &'static str = "note";
    const OWNER: OwnerFrom = OwnerFrom::Record;

    fn id(&self) -> NoteId {
        self.id
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner_id)
    }
}

cloakroom::scopes! {
    pub SCOPES:
    NOTES_READ = "notes:read", "Read your notes";
    NOTES_WRITE = "notes:write", "Change your notes";
}

cloakroom::policy! {
    Note {
        Create: owner(NOTES_WRITE);
        Read:   owner(NOTES_READ);
        Update: owner(NOTES_WRITE);
        Delete: owner(NOTES_WRITE);
    }
}

cloakroom::actions! {
    /// Publishes a note.
    pub Publish = "publish", changes;
}

cloakroom::stored! {
    Note in notes {
        owner: owner_id;
        sort: created_at: Time;
    }
}

/// Body of `POST /notes`.
#[derive(utoipa::ToSchema)]
pub struct NewNote {
    pub text: String,
}

impl BodyType for NewNote {
    fn example() -> serde_json::Value {
        serde_json::json!({ "text": "The blue one has a loose button." })
    }
}
