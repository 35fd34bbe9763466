//! User account.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::{Email, ExternalId, InvalidId, Role, UserId};

/// Status of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The account can be used.
    Active,
    /// Its tokens are revoked, and no login is possible.
    Suspended,
}

impl Status {
    /// Returns the status on the wire and in the database.
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

/// User in a list, with the members of the profile by which people know each other.
#[derive(Clone, Debug)]
pub struct ListedUser {
    /// The user.
    pub user: User,
    /// Full name.
    pub name: Option<String>,
    /// URL of a picture.
    pub picture: Option<String>,
}

/// User account, as its owner sees it. It does not include the password hash.
#[derive(Clone, Debug)]
pub struct User {
    /// User id. The server makes it and never reuses it.
    pub id: UserId,
    /// E-mail address, unique without regard to case.
    pub email: Email,
    /// Set when the address is verified. A change of the address clears it.
    pub email_verified: bool,
    /// Address that replaces [`User::email`] once its owner confirms it.
    pub pending_email: Option<Email>,
    /// Id in another system, unique.
    pub external_id: Option<ExternalId>,
    /// Status.
    pub status: Status,
    /// Roles, sorted. They limit the scopes of the user's tokens.
    pub roles: Vec<Role>,
    /// Time of creation.
    pub created_at: DateTime<Utc>,
    /// Time of the last change.
    pub updated_at: DateTime<Utc>,
    /// Time of the last login.
    pub last_login_at: Option<DateTime<Utc>>,
    /// Version for `If-Match`. Every change increments it.
    pub revision: i64,
    /// Token epoch. A change of the password, the roles or the status increments it, which revokes all
    /// earlier tokens.
    pub epoch: i64,
}
