//! Access rule of a route, as a value.

use crate::authz::Rule;

/// Access rule of a route, for the matrix and the OpenAPI document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every caller.
    Public,
    /// An authenticated client (RFC 6749 §2.3).
    Client,
    /// Every caller with a valid access token; the handler touches only what the token names.
    Authenticated,
    /// Every caller while registration is open, otherwise as the rule says.
    PublicWhileOpen(&'static Rule),
    /// One record, as the rule says.
    Record(&'static Rule),
    /// The caller's own record, as the rule says.
    Own(&'static Rule),
    /// A collection, as the rule says.
    Collection(&'static Rule),
    /// The records of the user that the path or the body names, as the rule says.
    CollectionOf(&'static Rule),
}

impl Access {
    /// True when the route verifies an access token.
    pub fn looks_at_tokens(&self) -> bool {
        !matches!(self, Self::Public | Self::Client)
    }

    /// Returns the rule, if there is one.
    pub fn rule(&self) -> Option<&'static Rule> {
        match self {
            Self::Public | Self::Client | Self::Authenticated => None,
            Self::PublicWhileOpen(rule)
            | Self::Record(rule)
            | Self::Own(rule)
            | Self::Collection(rule)
            | Self::CollectionOf(rule) => Some(rule),
        }
    }
}
