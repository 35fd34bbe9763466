//! An account.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::{Email, InvalidId, Role, UserId};

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It may.
    Active,
    /// Its tokens are dead and nobody can log in to it.
    Suspended,
}

impl Status {
    /// The status on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Suspended => "suspended",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        [Status::Active, Status::Suspended]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(InvalidId("is not a status: active, suspended"))
    }
}

/// An account as its owner sees it; the password's hash is not part of it.
#[derive(Clone, Debug)]
pub struct User {
    /// Made by the server, never reused.
    pub id: UserId,
    /// Where it can be reached; unique ignoring case.
    pub email: Email,
    /// Whether the address is known to be the owner's; a change of the address clears it.
    pub email_verified: bool,
    /// Whether the account may be used.
    pub status: Status,
    /// What its tokens may be granted, sorted.
    pub roles: Vec<Role>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// When somebody last logged in.
    pub last_login_at: Option<DateTime<Utc>>,
    /// Grows with every change; what `If-Match` compares.
    pub revision: i64,
    /// Grows when tokens issued before must die: password, roles or status changed.
    pub epoch: i64,
}
