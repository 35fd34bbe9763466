//! Labels: each user has some, below `/users/{id}`. The URL names their owner, so that another user is refused before
//! any look-up.

use actix_web::http::Method;
use cloakroom::authz::action::{Create, Delete, List, Read, Update};
use cloakroom::authz::{Allowed, OwnerFrom, Resource};
use cloakroom::domain::{Invalid, OwnedId, Time, UserId, plain_text};
use cloakroom::http::{
    Body, Created, Endpoint, IfMatch, NewId, Now, Problem, ReachOf, Shown, endpoint, plain,
};
use cloakroom::store::{Moment, Store, Uid};
use diesel::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

cloakroom::uuid_id! {
    /// A label's own id.
    pub struct LabelId in "label";
}

cloakroom::text_enum! {
    /// The colour of a label.
    pub enum Colour {
        /// Red.
        Red = "red",
        /// Green.
        Green = "green",
        /// Blue.
        Blue = "blue",
    }
}

/// A label.
#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset, Serialize, ToSchema)]
#[diesel(table_name = labels)]
pub struct Label {
    /// Set by the server.
    pub id: LabelId,
    /// The user.
    pub owner_id: UserId,
    /// The text on it.
    pub name: String,
    /// Its colour.
    pub colour: Colour,
    /// How often it is used, by the user's own count.
    pub uses: i64,
    /// The time of creation.
    pub created_at: Time,
    #[serde(skip)]
    #[schema(ignore)]
    pub revision: i64,
}

impl Resource for Label {
    type Id = OwnedId<LabelId>;
    const NAME: &'static str = "label";
    const OWNER: OwnerFrom = OwnerFrom::Url;

    fn id(&self) -> Self::Id {
        OwnedId { user: self.owner_id, id: self.id }
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner_id)
    }

    fn owner_by_id(id: &Self::Id) -> Option<UserId> {
        Some(id.user)
    }
}

cloakroom::scopes! {
    /// The scopes of labels.
    pub SCOPES:
    LABELS_READ = "labels:read", "Read your labels";
    LABELS_WRITE = "labels:write", "Write your labels";
    LABELS_READ_ANY = "labels:read:any", "Read all labels";
}

cloakroom::policy! {
    Label {
        Create: owner(LABELS_WRITE);
        List:   owner(LABELS_READ), anyone(LABELS_READ_ANY);
        Read:   owner(LABELS_READ), anyone(LABELS_READ_ANY);
        Update: owner(LABELS_WRITE);
        Delete: owner(LABELS_WRITE);
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::{Moment, Uid};

    labels (id) {
        id -> Uid,
        owner_id -> Uid,
        name -> Text,
        colour -> Text,
        uses -> BigInt,
        created_at -> Moment,
        revision -> BigInt,
    }
}

cloakroom::stored! {
    Label in labels {
        owner: owner_id;
        sort: created_at: Time, name: String, uses: i64;
        filter: colour: Colour;
    }
}

/// The routes of labels.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST,   "/users/{id}/labels",         "Make a label",   create),
        endpoint(Method::GET,    "/users/{id}/labels",         "List labels",    plain::list_of::<Label>),
        endpoint(Method::GET,    "/users/{id}/labels/{label}", "Read a label",   plain::read::<Label>),
        endpoint(Method::PATCH,  "/users/{id}/labels/{label}", "Change a label", update),
        endpoint(Method::DELETE, "/users/{id}/labels/{label}", "Delete a label", plain::delete::<Label>),
    ]
}

cloakroom::body! {
    /// Body of `POST /users/{id}/labels`.
    pub struct NewLabel {
        /// The text on it.
        #[schema(max_length = 60)]
        name: String = required_text(name_of);
        /// Its colour.
        colour: Colour = required_text(Colour::parse);
        /// How often it is used.
        #[schema(minimum = 0, maximum = 1_000_000)]
        uses: Option<i64> = optional_integer(0..=1_000_000);
    }
    example { "name": "Winter", "colour": "blue" }
}

cloakroom::body! {
    /// Body of `PATCH /users/{id}/labels/{label}`: a merge patch (RFC 7396).
    pub struct LabelPatch {
        /// The text on it.
        #[schema(max_length = 60)]
        name: Option<String> = optional_text(name_of);
        /// Its colour.
        colour: Option<Colour> = optional_text(Colour::parse);
        /// How often it is used.
        #[schema(minimum = 0, maximum = 1_000_000)]
        uses: Option<i64> = optional_integer(0..=1_000_000);
    }
    media_type "application/merge-patch+json"
    example { "colour": "green" }
}

fn name_of(text: &str) -> Result<String, Invalid> {
    plain_text(text, 60, false)
}

async fn create(
    reach: ReachOf<Label, Create>,
    body: Body<NewLabel>,
    NewId(id): NewId<LabelId>,
    Now(created_at): Now,
    store: Store,
) -> Result<Created<Label>, Problem> {
    let NewLabel { name, colour, uses } = body.read(NewLabel::read)?;
    let (owner_id, uses) = (reach.owner(), uses.unwrap_or_default());
    let label = Label { id, owner_id, name, colour, uses, created_at, revision: 1 };
    Ok(Shown::from(store.insert(reach.make(label)?).await?).created())
}

async fn update(
    label: Allowed<Label, Update>,
    body: Body<LabelPatch>,
    if_match: IfMatch,
    store: Store,
) -> Result<Shown<Label>, Problem> {
    let LabelPatch { name, colour, uses } = body.read(LabelPatch::read)?;
    if_match.require(label.revision)?;
    let change = store.update(label, |label| {
        label.name = name.unwrap_or_else(|| label.name.clone());
        label.colour = colour.unwrap_or(label.colour);
        label.uses = uses.unwrap_or(label.uses);
    });
    Ok(if_match.change(change).await?.into())
}
