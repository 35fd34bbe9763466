//! Addresses of users: the record, its policy, its table and its routes. The URL names the owner, so that another user is
//! refused before any look-up.

use actix_web::http::Method;
use cloakroom::authz::action::{Create, Delete, List, Read, Update};
use cloakroom::domain::{Invalid, Time, UserId, plain_text};
use cloakroom::http::{
    Body, Created, Endpoint, NewId, Now, Problem, ReachOf, Shown, endpoint, plain,
};
use cloakroom::store::Store;

// The record.

cloakroom::uuid_id! {
    /// The own id of an address.
    pub struct AddressId in "address";
}

cloakroom::record! {
    /// A row of the table, which `migrations/` creates, and the answer in JSON.
    pub struct Address in addresses {
        /// Set by the server.
        pub id: AddressId => Uid,
        /// The user.
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
    Address = "address" {
        id: OwnedId<AddressId>;
        owner: owner_id;
    }
}

// The policy.

cloakroom::scopes! {
    /// The scopes of addresses.
    pub SCOPES:
    ADDRESSES_READ = "addresses:read", "Read your addresses";
    ADDRESSES_WRITE = "addresses:write", "Make, change and delete your addresses";
    ADDRESSES_READ_ANY = "addresses:read:any", "Read everyone's addresses";
}

cloakroom::policy! {
    Address {
        Create: owner(ADDRESSES_WRITE);
        List:   owner(ADDRESSES_READ), anyone(ADDRESSES_READ_ANY);
        Read:   owner(ADDRESSES_READ), anyone(ADDRESSES_READ_ANY);
        Update: owner(ADDRESSES_WRITE);
        Delete: owner(ADDRESSES_WRITE);
    }
}

// The queries.

cloakroom::stored! {
    Address in addresses {
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
        endpoint(Method::POST, "/users/{id}/addresses", "Make an address", create),
        endpoint(Method::GET, "/users/{id}/addresses", "List the addresses of a user", plain::list_of::<Address>),
        endpoint(Method::GET, "/users/{id}/addresses/{address}", "Read an address", plain::read::<Address>),
        endpoint(Method::PATCH, "/users/{id}/addresses/{address}", "Change an address", plain::update::<AddressPatch>),
        endpoint(Method::DELETE, "/users/{id}/addresses/{address}", "Delete an address", plain::delete::<Address>),
    ]
}

cloakroom::body! {
    /// Body of `POST /users/{id}/addresses`.
    pub struct NewAddress {
        /// The content.
        #[schema(max_length = 10_000)]
        text: String = required_text(text_of);
    }
    example { "text": "The blue one has a loose button." }
}

cloakroom::body! {
    /// Body of `PATCH /users/{id}/addresses/{address}`: a merge patch (RFC 7396).
    pub struct AddressPatch changes Address {
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
    reach: ReachOf<Address, Create>,
    body: Body<NewAddress>,
    NewId(id): NewId<AddressId>,
    Now(now): Now,
    store: Store,
) -> Result<Created<Address>, Problem> {
    let NewAddress { text } = body.read(NewAddress::read)?;
    let new = Address {
        id,
        owner_id: reach.owner(),
        text,
        created_at: now,
        updated_at: now,
        revision: 1,
    };
    let made = store.insert(reach.make(new)?).await?;
    Ok(Shown::from(made).created())
}
