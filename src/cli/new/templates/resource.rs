//! Parcels: the record, its policy, its table and its routes.

use actix_web::http::Method;
use cloakroom::authz::action::{Create, Delete, List, Read, Update};
use cloakroom::authz::Reach;
use cloakroom::domain::{Invalid, Time, UserId, plain_text};
use cloakroom::http::{Body, Created, Endpoint, NewId, Now, Problem, Shown, endpoint, plain};
use cloakroom::store::Store;

// The record.

cloakroom::uuid_id! {
    /// The id of a parcel.
    pub struct ParcelId;
}

cloakroom::record! {
    /// A row of the table, which `migrations/` creates, and the answer in JSON.
    pub struct Parcel in parcels {
        /// Set by the server.
        pub id: ParcelId => Uid,
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
    Parcel = "parcel" {
        id: ParcelId;
        owner: owner_id;
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

// The queries.

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
        endpoint(Method::PATCH, "/parcels/{id}", "Change a parcel", plain::update::<ParcelPatch>),
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
    pub struct ParcelPatch changes Parcel {
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
