//! Tickets: the record, its policy, its table and its routes.

use actix_web::http::Method;
use cloakroom::authz::action::{Create, Delete, List, Read, Update};
use cloakroom::authz::Reach;
use cloakroom::domain::{Invalid, Time, UserId, plain_text};
use cloakroom::http::{Body, Created, Endpoint, Given, NewId, Now, Problem, Shown, endpoint, plain};
use cloakroom::store::Store;

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

cloakroom::record! {
    /// A row of the table, which `migrations/` creates, and the answer in JSON.
    pub struct Ticket in tickets {
        /// Set by the server.
        pub id: TicketId => Uid,
        /// The owner.
        pub owner_id: UserId => Uid,
        /// The state.
        pub state: TicketState => Text,
        /// The seats.
        pub seats: i64 => BigInt,
        /// The price.
        pub price: Option<f64> => Nullable<Double>,
        /// The vip.
        pub vip: bool => Bool,
        /// The note.
        pub note: Option<String> => Nullable<Text>,
        /// The class.
        pub class: Option<TicketClass> => Nullable<Text>,
        /// The time of creation.
        pub created_at: Time => Moment,
        /// The time of the last change.
        pub updated_at: Time => Moment,
    }
}

cloakroom::resource! {
    Ticket = "ticket" {
        id: TicketId;
        owner: owner_id;
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

// The queries.

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
        endpoint(Method::PATCH, "/tickets/{id}", "Change a ticket", plain::update::<TicketPatch>),
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
    pub struct TicketPatch changes Ticket {
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
