//! Identifiers. User and session ids are UUIDv7 made by the server and never reused. A client id
//! looks like a UUID only if the operator imported it, and never like one of version 7. So the two namespaces stay
//! apart.

use std::fmt;
use std::str::FromStr;

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use uuid::Uuid;

use super::{NoRandomness, Random};

/// The text is not a valid identifier of this kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub &'static str);

/// Declares a tuple struct around a UUID, with its text, its JSON and its schema.
#[doc(hidden)]
#[macro_export]
macro_rules! __uuid_id {
    ($(#[$meaning:meta])* $visibility:vis struct $name:ident;) => {
        $(#[$meaning])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility struct $name(
            /// UUID.
            pub $crate::__private::uuid::Uuid,
        );

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::domain::InvalidId;

            fn from_str(text: &str) -> Result<Self, $crate::domain::InvalidId> {
                $crate::domain::hyphenated(text).map(Self)
            }
        }

        impl $crate::__private::serde::Serialize for $name {
            fn serialize<S>(&self, serializer: S) -> Result<S::Ok, S::Error>
            where
                S: $crate::__private::serde::Serializer,
            {
                self.0.serialize(serializer)
            }
        }

        impl $crate::__private::utoipa::PartialSchema for $name {
            fn schema() -> $crate::__private::utoipa::openapi::RefOr<$crate::__private::utoipa::openapi::Schema> {
                $crate::domain::uuid_schema()
            }
        }

        impl $crate::__private::utoipa::ToSchema for $name {}
    };
}

crate::__uuid_id! {
    /// User id; `sub` in the user's tokens.
    pub struct UserId;
}
crate::__uuid_id! {
    /// Session id; `sid` in the session's tokens.
    pub struct SessionId;
}

/// Returns the schema of an id.
#[doc(hidden)]
pub fn uuid_schema() -> RefOr<Schema> {
    let format = SchemaFormat::KnownFormat(KnownFormat::Uuid);
    ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
}

/// Parses a UUID in its hyphenated form only, in upper or lower case.
///
/// # Errors
/// For every other text.
#[doc(hidden)]
pub fn hyphenated(text: &str) -> Result<Uuid, InvalidId> {
    match Uuid::try_parse(text) {
        Ok(id) if text.len() == uuid::fmt::Hyphenated::LENGTH => Ok(id),
        _ => Err(InvalidId("is not a hyphenated UUID")),
    }
}

/// Id of a record that belongs to a user and stands below the user in the URL: `/users/{id}/addresses/{address}`. The
/// refusal of another user then precedes every look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnedId<Id> {
    /// The user.
    pub user: UserId,
    /// The record's own id, unique among the records of all users.
    pub id: Id,
}

impl<Id: fmt::Display> fmt::Display for OwnedId<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// Session in a URL: the user and the session id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionOf {
    /// User.
    pub user: UserId,
    /// Session.
    pub session: SessionId,
}

impl fmt::Display for SessionOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.fmt(f)
    }
}

/// Client id: 1 to 64 characters of `A-Z a-z 0-9 . _ -`. One that looks like a UUID is from another system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct ClientId(String);

impl ClientId {
    /// Client of `POST /sessions`, the server's own first-party login.
    pub const FIRST_PARTY: &'static str = "cloakroom";

    /// Returns the first-party client's id.
    pub fn first_party() -> Self {
        Self(Self::FIRST_PARTY.to_owned())
    }

    /// Client of the page `/docs`. The server registers it itself.
    pub const DOCS: &'static str = "cloakroom-docs";

    /// Returns the id of the client of the page `/docs`.
    pub fn docs() -> Self {
        Self(Self::DOCS.to_owned())
    }

    /// Parses an id that the caller chose for a new client.
    ///
    /// # Errors
    /// When the id is invalid, or one of the server's own.
    pub fn chosen(text: &str) -> Result<Self, InvalidId> {
        if Uuid::try_parse(text).is_ok() {
            return Err(InvalidId("must not look like a UUID: those name users"));
        }
        Self::imported(text)
    }

    /// Parses the id of a client of another system, which can be a UUID.
    ///
    /// # Errors
    /// When the id is invalid, or could be that of a user.
    pub fn imported(text: &str) -> Result<Self, InvalidId> {
        match text.parse()? {
            Self(id) if id == Self::DOCS => Err(InvalidId("is the server's own, for its page /docs")),
            id => Ok(id),
        }
    }

    /// Generates an id: 96 random bits in hexadecimal, which is shorter than a UUID.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate(random: &Random) -> Result<Self, NoRandomness> {
        Ok(Self(random.bytes::<12>()?.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Restores an id that was checked before it was stored.
    pub(crate) fn stored(id: String) -> Self {
        Self(id)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClientId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !(1..=64).contains(&text.len()) || !text.chars().all(plain) {
            return Err(InvalidId("must be 1 to 64 of A-Z a-z 0-9 . _ -"));
        }
        // The ids of users are of version 7, also those of imported users.
        match Uuid::try_parse(text) {
            Ok(id) if id.get_version_num() == 7 => {
                return Err(InvalidId("must not be a UUID of version 7: those name users"));
            }
            Ok(id) if id.hyphenated().to_string() != text => {
                return Err(InvalidId("must be a UUID with hyphens and in lower case"));
            }
            _ => {}
        }
        if text == Self::FIRST_PARTY {
            return Err(InvalidId("is the server's own first-party client"));
        }
        Ok(Self(text.to_owned()))
    }
}
