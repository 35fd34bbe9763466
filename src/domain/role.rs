//! Roles by name. The application's [`Vocabulary`](crate::authz::Vocabulary) lists them with the
//! scopes that they grant.

use std::fmt;

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

/// Role of a user, by its name on the wire and in the database.
///
/// ```
/// use cloakroom::domain::Role;
/// const LIBRARIAN: Role = Role::new("librarian");
/// assert_eq!(LIBRARIAN.as_str(), "librarian");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Role(&'static str);

impl Role {
    /// Administrator, with every scope.
    pub const ADMIN: Role = Role("admin");
    /// Support: reads everyone's account, profile and audit trail.
    pub const SUPPORT: Role = Role("support");
    /// User: every right to one's own account.
    pub const USER: Role = Role("user");

    /// Returns the role of this name, for an application's own roles.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Returns the role's name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The schema is a string. The OpenAPI document adds the names of the application's roles.
impl utoipa::PartialSchema for Role {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).into()
    }
}

impl utoipa::ToSchema for Role {
    fn name() -> std::borrow::Cow<'static, str> {
        "Role".into()
    }
}
