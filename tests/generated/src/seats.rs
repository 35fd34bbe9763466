//! Seats of users: the record, its policy, its table and its routes. The URL names the owner, so that another user is
//! refused before any look-up.

use actix_web::http::Method;
use cloakroom::authz::action::{Create, Delete, List, Read, Update};
use cloakroom::authz::{Allowed, OwnerFrom, Resource};
use cloakroom::domain::{OwnedId, Time, UserId};
use cloakroom::http::{
    Body, Created, Endpoint, IfMatch, NewId, Now, Problem, ReachOf, Shown, endpoint, plain,
};
use cloakroom::store::{Moment, Store, Uid};
use diesel::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

// The record.

cloakroom::uuid_id! {
    /// The own id of a seat.
    pub struct SeatId in "seat";
}

/// A row of the table, and the answer in JSON.
#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset, Serialize, ToSchema)]
#[diesel(table_name = seats, treat_none_as_null = true)]
pub struct Seat {
    /// Set by the server.
    pub id: SeatId,
    /// The user.
    pub owner_id: UserId,
    /// The row.
    pub row: i64,
    /// The time of creation.
    pub created_at: Time,
    /// The time of the last change.
    pub updated_at: Time,
    /// Grows with every change. It is in the `ETag`, not in the JSON.
    #[serde(skip)]
    #[schema(ignore)]
    pub revision: i64,
}

impl Resource for Seat {
    type Id = OwnedId<SeatId>;
    const NAME: &'static str = "seat";
    const OWNER: OwnerFrom = OwnerFrom::Url;

    fn id(&self) -> Self::Id {
        OwnedId {
            user: self.owner_id,
            id: self.id,
        }
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner_id)
    }

    fn owner_by_id(id: &Self::Id) -> Option<UserId> {
        Some(id.user)
    }
}

// The policy.

cloakroom::scopes! {
    /// The scopes of seats.
    pub SCOPES:
    SEATS_READ = "seats:read", "Read your seats";
    SEATS_WRITE = "seats:write", "Make, change and delete your seats";
    SEATS_READ_ANY = "seats:read:any", "Read everyone's seats";
}

cloakroom::policy! {
    Seat {
        Create: owner(SEATS_WRITE);
        List:   owner(SEATS_READ), anyone(SEATS_READ_ANY);
        Read:   owner(SEATS_READ), anyone(SEATS_READ_ANY);
        Update: owner(SEATS_WRITE);
        Delete: owner(SEATS_WRITE);
    }
}

// The table, which `migrations/` creates.

diesel::table! {
    use diesel::sql_types::*;
    use super::{Moment, Uid};

    seats (id) {
        id -> Uid,
        owner_id -> Uid,
        row -> BigInt,
        created_at -> Moment,
        updated_at -> Moment,
        revision -> BigInt,
    }
}

cloakroom::stored! {
    Seat in seats {
        owner: owner_id;
        touch: updated_at;
        sort: created_at: Time;
    }
}

// The routes.

/// The routes; `app()` in `lib.rs` adds them.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/users/{id}/seats", "Make a seat", create),
        endpoint(Method::GET, "/users/{id}/seats", "List the seats of a user", plain::list_of::<Seat>),
        endpoint(Method::GET, "/users/{id}/seats/{seat}", "Read a seat", plain::read::<Seat>),
        endpoint(Method::PATCH, "/users/{id}/seats/{seat}", "Change a seat", update),
        endpoint(Method::DELETE, "/users/{id}/seats/{seat}", "Delete a seat", plain::delete::<Seat>),
    ]
}

cloakroom::body! {
    /// Body of `POST /users/{id}/seats`.
    pub struct NewSeat {
        /// The row.
        #[schema(minimum = 0, maximum = 1_000_000_000)]
        row: i64 = required_integer(0..=1_000_000_000);
    }
    example { "row": 1 }
}

cloakroom::body! {
    /// Body of `PATCH /users/{id}/seats/{seat}`: a merge patch (RFC 7396).
    pub struct SeatPatch {
        /// The row.
        #[schema(minimum = 0, maximum = 1_000_000_000)]
        row: Option<i64> = optional_integer(0..=1_000_000_000);
    }
    media_type "application/merge-patch+json"
    example { "row": 2 }
}

async fn create(
    reach: ReachOf<Seat, Create>,
    body: Body<NewSeat>,
    NewId(id): NewId<SeatId>,
    Now(now): Now,
    store: Store,
) -> Result<Created<Seat>, Problem> {
    let NewSeat { row } = body.read(NewSeat::read)?;
    let new = Seat {
        id,
        owner_id: reach.owner(),
        row,
        created_at: now,
        updated_at: now,
        revision: 1,
    };
    let made = store.insert(reach.make(new)?).await?;
    Ok(Shown::from(made).created())
}

async fn update(
    seat: Allowed<Seat, Update>,
    body: Body<SeatPatch>,
    if_match: IfMatch,
    store: Store,
) -> Result<Shown<Seat>, Problem> {
    let SeatPatch { row } = body.read(SeatPatch::read)?;
    if_match.require(seat.revision)?;
    let change = store.update(seat, |seat| {
        if let Some(row) = row {
            seat.row = row;
        }
    });
    Ok(if_match.change(change).await?.into())
}
