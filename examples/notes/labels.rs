//! Labels: each user has some, below `/users/{id}`. The URL names their owner, so that another user is refused before
//! any look-up.

use actix_web::http::Method;
use cloakroom::authz::action::{Create, Delete, List, Read, Update};
use cloakroom::domain::{Invalid, Time, UserId, plain_text};
use cloakroom::http::{Body, Created, Endpoint, NewId, Now, Problem, ReachOf, Shown, endpoint, plain};
use cloakroom::store::Store;

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

cloakroom::record! {
    /// A label.
    pub struct Label in labels {
        /// Set by the server.
        pub id: LabelId => Uid,
        /// The user.
        pub owner_id: UserId => Uid,
        /// The text on it.
        pub name: String => Text,
        /// Its colour.
        pub colour: Colour => Text,
        /// How often it is used, by the user's own count.
        pub uses: i64 => BigInt,
        /// The time of creation.
        pub created_at: Time => Moment,
    }
}

cloakroom::resource! {
    Label = "label" {
        id: OwnedId<LabelId>;
        owner: owner_id;
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
        endpoint(Method::PATCH,  "/users/{id}/labels/{label}", "Change a label", plain::update::<LabelPatch>),
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
    pub struct LabelPatch changes Label {
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
