//! Names of things. User and session ids are UUIDv7 made by the server and never reused; a client
//! id is never UUID-shaped, so that the two namespaces cannot meet.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The text is not an id of this kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub &'static str);

macro_rules! uuid_id {
    ($(#[$meaning:meta])* $name:ident) => {
        $(#[$meaning])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Takes the hyphenated form alone, in either case: one id has one spelling in a URL.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
                match Uuid::try_parse(text) {
                    Ok(id) if hyphenated => Ok(Self(id)),
                    _ => Err(InvalidId("is not a hyphenated UUID")),
                }
            }
        }
    };
}

uuid_id!(
    /// A user's id; `sub` in the user's tokens.
    UserId
);
uuid_id!(
    /// A session's id; `sid` in the tokens issued in it.
    SessionId
);

/// A client's id: 1 to 64 of `A-Z a-z 0-9 . _ -`, never UUID-shaped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct ClientId(String);

impl ClientId {
    /// The client that `POST /sessions` speaks for: the server's own first-party login.
    pub const FIRST_PARTY: &'static str = "cloakroom";

    /// The first-party client.
    pub fn first_party() -> Self {
        Self(Self::FIRST_PARTY.to_owned())
    }

    /// The id as text.
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
        if Uuid::try_parse(text).is_ok() {
            return Err(InvalidId("must not look like a UUID: those name users"));
        }
        if text == Self::FIRST_PARTY {
            return Err(InvalidId("is the server's own first-party client"));
        }
        Ok(Self(text.to_owned()))
    }
}
