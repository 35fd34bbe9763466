//! Seats of users: the record, its policy, its table and its routes. The URL names the owner, so that another user is
//! refused before any look-up.

use actix_web::http::Method;
use cloakroom::authz::action::{Create, Delete, List, Read, Update};
use cloakroom::domain::{Time, UserId};
use cloakroom::http::{
    Body, Created, Endpoint, NewId, Now, Problem, ReachOf, Shown, endpoint, plain,
};
use cloakroom::store::Store;

// The record.

cloakroom::uuid_id! {
    /// The own id of a seat.
    pub struct SeatId in "seat";
}

cloakroom::record! {
    /// A row of the table, which `migrations/` creates, and the answer in JSON.
    pub struct Seat in seats {
        /// Set by the server.
        pub id: SeatId => Uid,
        /// The user.
        pub owner_id: UserId => Uid,
        /// The row.
        pub row: i64 => BigInt,
        /// The time of creation.
        pub created_at: Time => Moment,
        /// The time of the last change.
        pub updated_at: Time => Moment,
    }
}

cloakroom::resource! {
    Seat = "seat" {
        id: OwnedId<SeatId>;
        owner: owner_id;
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

// The queries.

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
        endpoint(Method::PATCH, "/users/{id}/seats/{seat}", "Change a seat", plain::update::<SeatPatch>),
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
    pub struct SeatPatch changes Seat {
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
