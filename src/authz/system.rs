//! System caller: a part of the application that acts by itself, without a request.

use super::Scope;

/// System caller: a job of the application, or what it does after a change of a record. It has a name and scopes,
/// as a registered client has. A policy can name it, and the audit trail names what it did `system:<name>`.
///
/// It owns no record and has no token. Only a run of its job acts as it, and only while that run holds the job's
/// lease.
///
/// ```
/// use cloakroom::authz::{Scope, System};
/// const ORDERS_EXPIRE: Scope = Scope::new("orders:expire", "Delete drafts that were never placed").administrative();
/// const EXPIRE_DRAFTS: System = System::new("expire drafts", &[ORDERS_EXPIRE]);
/// assert_eq!(EXPIRE_DRAFTS.name(), "expire drafts");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct System {
    name: &'static str,
    scopes: &'static [Scope],
}

impl System {
    /// Returns a system caller with this name and these scopes.
    pub const fn new(name: &'static str, scopes: &'static [Scope]) -> Self {
        Self { name, scopes }
    }

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Returns its scopes.
    pub const fn scopes(self) -> &'static [Scope] {
        self.scopes
    }
}

/// A system caller without scopes: for work that touches no record of the store.
impl From<&'static str> for System {
    fn from(name: &'static str) -> Self {
        Self::new(name, &[])
    }
}
