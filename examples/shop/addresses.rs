//! Addresses: each user has some, below `/users/{id}`.

use actix_web::http::Method;
use cloakroom::authz::action::{Create, Delete, List, Read, Update};
use cloakroom::domain::{Invalid, Time, UserId, plain_text};
use cloakroom::http::{Body, Created, Endpoint, NewId, Now, Problem, ReachOf, Shown, endpoint, plain};
use cloakroom::store::Store;

cloakroom::uuid_id! {
    /// An address's own id.
    pub struct AddressId in "address";
}

cloakroom::record! {
    /// An address.
    pub struct Address in addresses {
        pub id: AddressId => Uid,
        pub owner_id: UserId => Uid,
        /// The lines on the parcel.
        pub lines: String => Text,
        pub created_at: Time => Moment,
    }
}

cloakroom::resource! {
    Address = "address" {
        id: OwnedId<AddressId>;
        owner: owner_id;
    }
}

cloakroom::scopes! {
    /// The scopes of addresses.
    pub SCOPES:
    ADDRESSES_READ = "addresses:read", "Read your addresses";
    ADDRESSES_WRITE = "addresses:write", "Write your addresses";
}

cloakroom::policy! {
    Address {
        Create: owner(ADDRESSES_WRITE);
        List:   owner(ADDRESSES_READ);
        Read:   owner(ADDRESSES_READ);
        Update: owner(ADDRESSES_WRITE);
        Delete: owner(ADDRESSES_WRITE);
    }
}

cloakroom::stored! {
    Address in addresses {
        owner: owner_id;
        sort: created_at: Time;
    }
}

/// The routes of addresses.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST,   "/users/{id}/addresses",           "Write an address",  create),
        endpoint(Method::GET,    "/users/{id}/addresses",           "List addresses",    plain::list_of::<Address>),
        endpoint(Method::GET,    "/users/{id}/addresses/{address}", "Read an address",   plain::read::<Address>),
        endpoint(Method::PATCH,  "/users/{id}/addresses/{address}", "Change an address", plain::update::<AddressPatch>),
        endpoint(Method::DELETE, "/users/{id}/addresses/{address}", "Delete an address", plain::delete::<Address>),
    ]
}

cloakroom::body! {
    /// Body of `POST /users/{id}/addresses`.
    pub struct NewAddress {
        /// The lines on the parcel.
        #[schema(max_length = 500)]
        lines: String = required_text(lines_of);
    }
    example { "lines": "12 Coat Street\nLondon" }
}

cloakroom::body! {
    /// Body of `PATCH /users/{id}/addresses/{address}`: a merge patch (RFC 7396).
    pub struct AddressPatch changes Address {
        /// The lines on the parcel.
        #[schema(max_length = 500)]
        lines: Option<String> = optional_text(lines_of);
    }
    media_type "application/merge-patch+json"
    example { "lines": "13 Coat Street\nLondon" }
}

fn lines_of(text: &str) -> Result<String, Invalid> {
    plain_text(text, 500, true)
}

async fn create(
    reach: ReachOf<Address, Create>,
    body: Body<NewAddress>,
    NewId(id): NewId<AddressId>,
    Now(created_at): Now,
    store: Store,
) -> Result<Created<Address>, Problem> {
    let NewAddress { lines } = body.read(NewAddress::read)?;
    let address = Address { id, owner_id: reach.owner(), lines, created_at, revision: 1 };
    Ok(Shown::from(store.insert(reach.make(address)?).await?).created())
}
