//! The ids of records in the path of a route.

use serde_json::json;
use uuid::Uuid;

use super::{Description, Parameter};
use crate::domain::{ClientId, ConsentOf, SessionId, SessionOf, UserId};

/// The segments of a path, by their names in the route.
#[derive(Clone, Copy)]
pub struct PathSegments<'a>(&'a [(&'static str, String)]);

impl<'a> PathSegments<'a> {
    pub(crate) fn of(captured: &'a [(&'static str, String)]) -> Self {
        Self(captured)
    }

    /// Returns the segment of this name; empty if the route has none, or if the segment contains U+0000, which no
    /// database stores in a text.
    pub fn get(&self, name: &str) -> &'a str {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.contains('\0'))
            .unwrap_or_default()
    }
}

/// Record that a path names.
pub enum Named<Id> {
    /// The record with this id.
    Record(Id),
    /// No record: the text is not an id.
    Nothing,
    /// The caller's own record (`me`), but the caller has none.
    NoOwn,
}

/// Id in the path of a route. [`uuid_id!`](crate::uuid_id) implements it.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be read from the path of a route",
    label = "declare it with `uuid_id! {{ pub struct {Self}; }}`"
)]
pub trait PathId: Sized {
    /// Reads the id. `me` is the calling user, if the caller is a user.
    fn from_path(path: &PathSegments<'_>, me: Option<UserId>) -> Named<Self>;

    /// Describes the segments of the path.
    fn describe(description: &mut Description);
}

/// Reads a UUID from the segment `{id}`.
#[doc(hidden)]
pub fn uuid_from_path<Id: std::str::FromStr>(path: &PathSegments<'_>) -> Named<Id> {
    path.get("id").parse().map_or(Named::Nothing, Named::Record)
}

/// Declares the id of a kind of record: a UUID, made by [`NewId`](crate::http::NewId),
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
                // A text that is not a client's id names no consent of this user, for every caller.
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
                // A text that is not a session's id names no session of this user, for every caller.
                let session = path.get("sid").parse().unwrap_or(SessionId(Uuid::nil()));
                Named::Record(Self { user, session })
            }
            Named::Nothing => Named::Nothing,
            Named::NoOwn => Named::NoOwn,
        }
    }
}
