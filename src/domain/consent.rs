//! What a user let a client do: their guest list.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{ClientId, UserId};

/// That a user lets a client act for them. Taking it back ends the client's sessions and tokens.
#[derive(Clone, Debug)]
pub struct Consent {
    /// Who gave it.
    pub user_id: UserId,
    /// To whom.
    pub client_id: ClientId,
    /// What the client is called, for people.
    pub client_name: Option<String>,
    /// Names of the scopes that were consented to.
    pub scope: Vec<String>,
    /// When it was first given.
    pub created_at: DateTime<Utc>,
    /// When it was last given or widened.
    pub updated_at: DateTime<Utc>,
}

/// A consent as the URL names it: whose it is, and for which client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentOf {
    /// Whose.
    pub user: UserId,
    /// For which client.
    pub client: ClientId,
}

impl fmt::Display for ConsentOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}
