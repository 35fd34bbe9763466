//! Parcels: the record, its policy, its table and its routes.

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
    /// The id of a parcel.
    pub struct ParcelId;
}

/// A row of the table, and the answer in JSON.
#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset, Serialize, ToSchema)]
#[diesel(table_name = parcels, treat_none_as_null = true)]
pub struct Parcel {
    /// Set by the server.
    pub id: ParcelId,
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

impl Resource for Parcel {
    type Id = ParcelId;
    const NAME: &'static str = "parcel";
    const OWNER: OwnerFrom = OwnerFrom::Record;

    fn id(&self) -> ParcelId {
        self.id
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner_id)
    }
}

// The policy.

cloakroom::scopes! {
    /// The scopes of parcels.
    pub SCOPES:
    PARCELS_READ = "parcels:read", "Read your parcels";
    PARCELS_WRITE = "parcels:write", "Make, change and delete your parcels";
    PARCELS_READ_ANY = "parcels:read:any", "Read everyone's parcels";
}

cloakroom::policy! {
    Parcel {
        Create: owner(PARCELS_WRITE);
        List:   owner(PARCELS_READ), anyone(PARCELS_READ_ANY);
        Read:   owner(PARCELS_READ), anyone(PARCELS_READ_ANY);
        Update: owner(PARCELS_WRITE);
        Delete: owner(PARCELS_WRITE);
    }
}

// The table, which `migrations/` creates.

diesel::table! {
    use diesel::sql_types::*;
    use super::{Moment, Uid};

    parcels (id) {
        id -> Uid,
        owner_id -> Uid,
        text -> Text,
        created_at -> Moment,
        updated_at -> Moment,
        revision -> BigInt,
    }
}

cloakroom::stored! {
    Parcel in parcels {
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
        endpoint(Method::POST, "/parcels", "Make a parcel", create),
        endpoint(Method::GET, "/parcels", "List parcels", plain::list::<Parcel>),
        endpoint(Method::GET, "/parcels/{id}", "Read a parcel", plain::read::<Parcel>),
        endpoint(Method::PATCH, "/parcels/{id}", "Change a parcel", update),
        endpoint(Method::DELETE, "/parcels/{id}", "Delete a parcel", plain::delete::<Parcel>),
    ]
}

cloakroom::body! {
    /// Body of `POST /parcels`.
    pub struct NewParcel {
        /// The content.
        #[schema(max_length = 10_000)]
        text: String = required_text(text_of);
    }
    example { "text": "The blue one has a loose button." }
}

cloakroom::body! {
    /// Body of `PATCH /parcels/{id}`: a merge patch (RFC 7396).
    pub struct ParcelPatch {
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
    reach: Reach<Parcel, Create>,
    body: Body<NewParcel>,
    NewId(id): NewId<ParcelId>,
    Now(now): Now,
    store: Store,
) -> Result<Created<Parcel>, Problem> {
    let NewParcel { text } = body.read(NewParcel::read)?;
    let owner_id = reach.owner()?;
    let new = Parcel {
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
    parcel: Allowed<Parcel, Update>,
    body: Body<ParcelPatch>,
    if_match: IfMatch,
    store: Store,
) -> Result<Shown<Parcel>, Problem> {
    let ParcelPatch { text } = body.read(ParcelPatch::read)?;
    if_match.require(parcel.revision)?;
    let change = store.update(parcel, |parcel| {
        if let Some(text) = text {
            parcel.text = text;
        }
    });
    Ok(if_match.change(change).await?.into())
}
