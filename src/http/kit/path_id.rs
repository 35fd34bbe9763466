//! The ids of records in the path of a route.

use serde_json::json;
use uuid::Uuid;

use super::description::{Description, Parameter};
use crate::domain::{ClientId, ConsentOf, SessionId, SessionOf, UserId};

/// The segments of a path, by their names in the route.
#[derive(Clone, Copy)]
pub struct PathSegments<'a>(&'a [(&'static str, String)]);

impl<'a> PathSegments<'a> {
    pub(crate) fn of(captured: &'a [(&'static str, String)]) -> Self {
        Self(captured)
    }

    /// The segment of this name; empty where the route has none.
    pub fn get(&self, name: &str) -> &'a str {
        self.0.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }
}

/// What a path says of a record's id.
pub enum Named<Id> {
    /// It names this record.
    Record(Id),
    /// It names nothing that could be a record.
    Nothing,
    /// It says "my own", and the caller has none.
    NoOwn,
}

/// An id that stands in the path of a route. [`uuid_id!`](crate::uuid_id) implements it.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be read from the path of a route",
    label = "declare it with `uuid_id! {{ pub struct {Self}; }}`"
)]
pub trait PathId: Sized {
    /// Reads it; `me` is the user who calls, if it is one.
    fn from_path(path: &PathSegments<'_>, me: Option<UserId>) -> Named<Self>;

    /// What it means for the API's description.
    fn describe(description: &mut Description);
}

/// A UUID in the segment `{id}`.
#[doc(hidden)]
pub fn uuid_from_path<Id: std::str::FromStr>(path: &PathSegments<'_>) -> Named<Id> {
    path.get("id").parse().map_or(Named::Nothing, Named::Record)
}

/// Declares the id of a kind of record: a UUID, made by [`Services::new_id`](crate::http::Services::new_id),
/// read from the segment `{id}` of a path, written in JSON and in the database.
///
/// ```
/// cloakroom::uuid_id! {
///     /// A note's id.
///     pub struct NoteId;
/// }
/// let id: NoteId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
/// assert_eq!(id.to_string(), "01890a5d-ac96-774b-bcce-b302099a8057");
/// ```
#[macro_export]
macro_rules! uuid_id {
    ($(#[$meaning:meta])* $visibility:vis struct $name:ident;) => {
        $crate::__uuid_id! { $(#[$meaning])* $visibility struct $name; }
        $crate::__stored_as_uid!($name);

        impl From<$crate::__private::uuid::Uuid> for $name {
            fn from(id: $crate::__private::uuid::Uuid) -> Self {
                Self(id)
            }
        }

        impl $crate::http::PathId for $name {
            fn from_path(
                path: &$crate::http::PathSegments<'_>,
                _: Option<$crate::domain::UserId>,
            ) -> $crate::http::Named<Self> {
                $crate::http::uuid_from_path(path)
            }

            fn describe(description: &mut $crate::http::Description) {
                description.segment("id", "The record's id", "uuid");
            }
        }
    };
}

impl PathId for UserId {
    fn describe(description: &mut Description) {
        let schema = json!({ "type": "string", "examples": ["me"] });
        let segment = Parameter::optional("id", "A user's id, or `me`", schema);
        description.segments.push(Parameter { required: true, ..segment });
    }

    fn from_path(path: &PathSegments<'_>, me: Option<UserId>) -> Named<Self> {
        match (path.get("id"), me) {
            ("me", Some(own)) => Named::Record(own),
            ("me", None) => Named::NoOwn,
            (id, _) => id.parse().map_or(Named::Nothing, Named::Record),
        }
    }
}

impl PathId for ClientId {
    fn describe(description: &mut Description) {
        description.segment("id", "A client's id", "");
    }

    fn from_path(path: &PathSegments<'_>, _: Option<UserId>) -> Named<Self> {
        path.get("id").parse().map_or(Named::Nothing, Named::Record)
    }
}

impl PathId for ConsentOf {
    fn describe(description: &mut Description) {
        UserId::describe(description);
        description.segment("client_id", "A client's id", "");
    }

    fn from_path(path: &PathSegments<'_>, me: Option<UserId>) -> Named<Self> {
        match UserId::from_path(path, me) {
            Named::Record(user) => {
                // What is no id of a client names no consent of this user, whoever asks.
                let client =
                    path.get("client_id").parse().unwrap_or_else(|_| ClientId::stored(String::new()));
                Named::Record(Self { user, client })
            }
            Named::Nothing => Named::Nothing,
            Named::NoOwn => Named::NoOwn,
        }
    }
}

impl PathId for SessionOf {
    fn describe(description: &mut Description) {
        UserId::describe(description);
        description.segment("sid", "A session's id", "uuid");
    }

    fn from_path(path: &PathSegments<'_>, me: Option<UserId>) -> Named<Self> {
        match UserId::from_path(path, me) {
            Named::Record(user) => {
                // An id that is none names no session of this user, whoever asks.
                let session = path.get("sid").parse().unwrap_or(SessionId(Uuid::nil()));
                Named::Record(Self { user, session })
            }
            Named::Nothing => Named::Nothing,
            Named::NoOwn => Named::NoOwn,
        }
    }
}
