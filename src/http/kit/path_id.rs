//! The ids of records in the path of a route.

use serde_json::json;

use super::{Description, Parameter};
use crate::domain::{ClientId, ConsentOf, OwnedId, SessionOf, UserId};

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
    /// No record of this user: the text after the user's id is not an id.
    NothingOf(UserId),
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

/// Reads a UUID from a segment.
#[doc(hidden)]
pub fn uuid_from_path<Id: std::str::FromStr>(path: &PathSegments<'_>, segment: &str) -> Named<Id> {
    path.get(segment).parse().map_or(Named::Nothing, Named::Record)
}

/// Declares the id of a kind of record: a UUID, made by [`NewId`](crate::http::NewId),
/// read from the segment `{id}` of a path, written in JSON and in the database. The id of a record below a user
/// names its own segment; the record's id is then an [`OwnedId`] of it.
///
/// ```
/// cloakroom::uuid_id! {
///     /// A note's id.
///     pub struct NoteId;
/// }
/// let id: NoteId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
/// assert_eq!(id.to_string(), "01890a5d-ac96-774b-bcce-b302099a8057");
///
/// cloakroom::uuid_id! {
///     /// An address's id: `OwnedId<AddressId>` reads `/users/{id}/addresses/{address}`.
///     pub struct AddressId in "address";
/// }
/// ```
#[macro_export]
macro_rules! uuid_id {
    ($(#[$meaning:meta])* $visibility:vis struct $name:ident;) => {
        $crate::uuid_id! { $(#[$meaning])* $visibility struct $name in "id"; }
    };
    ($(#[$meaning:meta])* $visibility:vis struct $name:ident in $segment:literal;) => {
        $crate::__uuid_id! { $(#[$meaning])* $visibility struct $name; }
        $crate::__stored_as_uid!($name);

        impl From<$crate::__private::uuid::Uuid> for $name {
            fn from(id: $crate::__private::uuid::Uuid) -> Self {
                Self(id)
            }
        }

        // As a part of a cursor.
        impl<'de> $crate::__private::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::serde::Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
                let text: String = $crate::__private::serde::Deserialize::deserialize(text)?;
                text.parse().map_err($crate::__private::serde::de::Error::custom)
            }
        }

        impl $crate::http::PathId for $name {
            fn from_path(
                path: &$crate::http::PathSegments<'_>,
                _: Option<$crate::domain::UserId>,
            ) -> $crate::http::Named<Self> {
                $crate::http::uuid_from_path(path, $segment)
            }

            fn describe(description: &mut $crate::http::Description) {
                description.segment($segment, "The record's id", "uuid");
            }
        }

        impl $crate::store::RecordKey for $name {
            type Key = Self;

            fn key(&self) -> Self {
                *self
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

impl<Id: PathId> PathId for OwnedId<Id> {
    fn describe(description: &mut Description) {
        UserId::describe(description);
        let before = description.segments.len();
        Id::describe(description);
        description.own_segment = description.segments.get(before).map(|segment| segment.name.clone());
    }

    fn from_path(path: &PathSegments<'_>, me: Option<UserId>) -> Named<Self> {
        below_user(path, me, |user| match Id::from_path(path, None) {
            Named::Record(id) => Some(Self { user, id }),
            _ => None,
        })
    }
}

impl PathId for ConsentOf {
    fn describe(description: &mut Description) {
        UserId::describe(description);
        description.segment("client_id", "A client's id", "");
    }

    fn from_path(path: &PathSegments<'_>, me: Option<UserId>) -> Named<Self> {
        below_user(path, me, |user| Some(Self { user, client: path.get("client_id").parse().ok()? }))
    }
}

impl PathId for SessionOf {
    fn describe(description: &mut Description) {
        UserId::describe(description);
        description.segment("sid", "A session's id", "uuid");
    }

    fn from_path(path: &PathSegments<'_>, me: Option<UserId>) -> Named<Self> {
        below_user(path, me, |user| Some(Self { user, session: path.get("sid").parse().ok()? }))
    }
}

/// Reads the id of a record below a user. A text that is not an id names no record of this user, for every caller.
fn below_user<Id>(
    path: &PathSegments<'_>,
    me: Option<UserId>,
    id: impl FnOnce(UserId) -> Option<Id>,
) -> Named<Id> {
    match UserId::from_path(path, me) {
        Named::Record(user) => id(user).map_or(Named::NothingOf(user), Named::Record),
        Named::Nothing => Named::Nothing,
        Named::NothingOf(user) => Named::NothingOf(user),
        Named::NoOwn => Named::NoOwn,
    }
}
