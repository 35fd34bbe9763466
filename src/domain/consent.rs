//! Consent of a user to a client.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{ClientId, UserId};

/// Consent: a user permits a client to act for the user. Withdrawal ends the client's sessions and
/// tokens.
#[derive(Clone, Debug)]
pub struct Consent {
    /// User.
    pub user_id: UserId,
    /// Client.
    pub client_id: ClientId,
    /// Display name of the client.
    pub client_name: Option<String>,
    /// Names of the scopes.
    pub scope: Vec<String>,
    /// Time of the first consent.
    pub created_at: DateTime<Utc>,
    /// Time of the last consent.
    pub updated_at: DateTime<Utc>,
}

/// Consent in a URL: the user and the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentOf {
    /// User.
    pub user: UserId,
    /// Client.
    pub client: ClientId,
}

impl fmt::Display for ConsentOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}
