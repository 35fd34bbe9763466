//! Tickets: the record, its policy, its table and its routes.

use actix_web::http::Method;
use cloakroom::authz::action::{Create, Delete, List, Read, Update};
use cloakroom::authz::{Allowed, OwnerFrom, Reach, Resource};
use cloakroom::domain::{Invalid, Time, UserId, plain_text};
use cloakroom::http::{
    Body, Created, Endpoint, Given, IfMatch, NewId, Now, Problem, Shown, endpoint, plain,
};
use cloakroom::store::{Moment, Store, Uid};
use diesel::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

// The record.

cloakroom::uuid_id! {
    /// The id of a ticket.
    pub struct TicketId;
}

cloakroom::text_enum! {
    /// The state.
    pub enum TicketState {
        /// Draft.
        Draft = "draft",
        /// In-transit.
        InTransit = "in-transit",
    }
}

cloakroom::text_enum! {
    /// The class.
    pub enum TicketClass {
        /// First.
        First = "first",
        /// Second.
        Second = "second",
    }
}

/// A row of the table, and the answer in JSON.
#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset, Serialize, ToSchema)]
#[diesel(table_name = tickets, treat_none_as_null = true)]
pub struct Ticket {
    /// Set by the server.
    pub id: TicketId,
    /// The owner.
    pub owner_id: UserId,
    /// The state.
    pub state: TicketState,
    /// The seats.
    pub seats: i64,
    /// The price.
    pub price: Option<f64>,
    /// The vip.
    pub vip: bool,
    /// The note.
    pub note: Option<String>,
    /// The class.
    pub class: Option<TicketClass>,
    /// The time of creation.
    pub created_at: Time,
    /// The time of the last change.
    pub updated_at: Time,
    /// Grows with every change. It is in the `ETag`, not in the JSON.
    #[serde(skip)]
    #[schema(ignore)]
    pub revision: i64,
}

impl Resource for Ticket {
    type Id = TicketId;
    const NAME: &'static str = "ticket";
    const OWNER: OwnerFrom = OwnerFrom::Record;

    fn id(&self) -> TicketId {
        self.id
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner_id)
    }
}

// The policy.

cloakroom::scopes! {
    /// The scopes of tickets.
    pub SCOPES:
    TICKETS_READ = "tickets:read", "Read your tickets";
    TICKETS_WRITE = "tickets:write", "Make, change and delete your tickets";
    TICKETS_READ_ANY = "tickets:read:any", "Read everyone's tickets";
}

cloakroom::policy! {
    Ticket {
        Create: owner(TICKETS_WRITE);
        List:   owner(TICKETS_READ), anyone(TICKETS_READ_ANY);
        Read:   owner(TICKETS_READ), anyone(TICKETS_READ_ANY);
        Update: owner(TICKETS_WRITE);
        Delete: owner(TICKETS_WRITE);
    }
}

// The table, which `migrations/` creates.

diesel::table! {
    use diesel::sql_types::*;
    use super::{Moment, Uid};

    tickets (id) {
        id -> Uid,
        owner_id -> Uid,
        state -> Text,
        seats -> BigInt,
        price -> Nullable<Double>,
        vip -> Bool,
        note -> Nullable<Text>,
        class -> Nullable<Text>,
        created_at -> Moment,
        updated_at -> Moment,
        revision -> BigInt,
    }
}

cloakroom::stored! {
    Ticket in tickets {
        owner: owner_id;
        touch: updated_at;
        sort: created_at: Time;
        filter: owner_id: UserId, state: TicketState [any_of], class: TicketClass [any_of];
    }
}

// The routes.

/// The routes; `app()` in `lib.rs` adds them.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/tickets", "Make a ticket", create),
        endpoint(Method::GET, "/tickets", "List tickets", plain::list::<Ticket>),
        endpoint(Method::GET, "/tickets/{id}", "Read a ticket", plain::read::<Ticket>),
        endpoint(Method::PATCH, "/tickets/{id}", "Change a ticket", update),
        endpoint(Method::DELETE, "/tickets/{id}", "Delete a ticket", plain::delete::<Ticket>),
    ]
}

cloakroom::body! {
    /// Body of `POST /tickets`.
    pub struct NewTicket {
        /// The state.
        state: TicketState = required_text(TicketState::parse);
        /// The seats.
        #[schema(minimum = 0, maximum = 1_000_000_000)]
        seats: i64 = required_integer(0..=1_000_000_000);
        /// The price.
        #[schema(minimum = 0, maximum = 1_000_000_000)]
        price: Option<f64> = number(0.0..=1_000_000_000.0);
        /// The vip.
        vip: bool = required_boolean();
        /// The note.
        #[schema(max_length = 10_000)]
        note: Option<String> = text(text_of);
        /// The class.
        class: Option<TicketClass> = text(TicketClass::parse);
    }
    example { "state": "draft", "seats": 1, "price": 1.5, "vip": true, "note": "The blue one has a loose button.", "class": "first" }
}

cloakroom::body! {
    /// Body of `PATCH /tickets/{id}`: a merge patch (RFC 7396).
    pub struct TicketPatch {
        /// The state.
        state: Option<TicketState> = optional_text(TicketState::parse);
        /// The seats.
        #[schema(minimum = 0, maximum = 1_000_000_000)]
        seats: Option<i64> = optional_integer(0..=1_000_000_000);
        /// The price.
        #[schema(minimum = 0, maximum = 1_000_000_000)]
        price: Option<f64> as Given<f64> = number(0.0..=1_000_000_000.0);
        /// The vip.
        vip: Option<bool> = boolean();
        /// The note.
        #[schema(max_length = 10_000)]
        note: Option<String> as Given<String> = text(text_of);
        /// The class.
        class: Option<TicketClass> as Given<TicketClass> = text(TicketClass::parse);
    }
    media_type "application/merge-patch+json"
    example { "state": "in-transit" }
}

fn text_of(text: &str) -> Result<String, Invalid> {
    plain_text(text, 10_000, true)
}

async fn create(
    reach: Reach<Ticket, Create>,
    body: Body<NewTicket>,
    NewId(id): NewId<TicketId>,
    Now(now): Now,
    store: Store,
) -> Result<Created<Ticket>, Problem> {
    let NewTicket { state, seats, price, vip, note, class } = body.read(NewTicket::read)?;
    let owner_id = reach.owner()?;
    let new = Ticket {
        id,
        owner_id,
        state,
        seats,
        price,
        vip,
        note,
        class,
        created_at: now,
        updated_at: now,
        revision: 1,
    };
    let made = store.insert(reach.make(new)?).await?;
    Ok(Shown::from(made).created())
}

async fn update(
    ticket: Allowed<Ticket, Update>,
    body: Body<TicketPatch>,
    if_match: IfMatch,
    store: Store,
) -> Result<Shown<Ticket>, Problem> {
    let TicketPatch { state, seats, price, vip, note, class } = body.read(TicketPatch::read)?;
    if_match.require(ticket.revision)?;
    let change = store.update(ticket, |ticket| {
        if let Some(state) = state {
            ticket.state = state;
        }
        if let Some(seats) = seats {
            ticket.seats = seats;
        }
        price.apply(&mut ticket.price);
        if let Some(vip) = vip {
            ticket.vip = vip;
        }
        note.apply(&mut ticket.note);
        class.apply(&mut ticket.class);
    });
    Ok(if_match.change(change).await?.into())
}
