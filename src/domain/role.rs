//! Roles by name. Which there are and what each grants stands in the application's
//! [`Vocabulary`](crate::authz::Vocabulary).

use std::fmt;

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

/// A role of a user, by its name on the wire and in the database.
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
    /// Everything.
    pub const ADMIN: Role = Role("admin");
    /// Reads everyone's account, profile and audit trail.
    pub const SUPPORT: Role = Role("support");
    /// Everything about one's own account.
    pub const USER: Role = Role("user");

    /// The role of this name, for an application's own.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The role's name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A string; the OpenAPI document names the roles that the application has.
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
