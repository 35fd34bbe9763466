//! Roles by name; what each grants stands in `authz::policy`.

use std::fmt;
use std::str::FromStr;

use super::InvalidId;

/// A built-in role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Reads everyone's account, profile and audit trail.
    Support,
    /// Everything about one's own account.
    User,
}

impl Role {
    /// Every role, in the order in which they are listed.
    pub const ALL: [Role; 3] = [Role::Admin, Role::Support, Role::User];

    /// The role's name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Support => "support",
            Role::User => "user",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Role::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(InvalidId("is not a role: admin, support, user"))
    }
}
