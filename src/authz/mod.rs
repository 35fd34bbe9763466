//! Who may do what. The store hands out records [`Sealed`]; only a [`Caller`] opens them, and what
//! comes out, [`Allowed`], is the proof that every change asks for. Knows no HTTP and no database.
//!
//! A record cannot be read while it is sealed:
//! ```compile_fail,E0609
//! use cloakroom::{authz::Sealed, domain::User};
//! fn read(user: Sealed<User>) -> String { user.email.to_string() }
//! ```
//! ```
//! use cloakroom::{authz::{Allowed, action::Read}, domain::User};
//! fn read(user: Allowed<User, Read>) -> String { user.email.to_string() }
//! ```
//!
//! A proof cannot be made by hand, nor can a caller:
//! ```compile_fail,E0624
//! use cloakroom::{authz::Caller, domain::UserId};
//! fn pretend(id: UserId) -> Caller { Caller::verified(cloakroom::authz::Subject::User { id, roles: vec![] }, Default::default(), None) }
//! ```
//! ```
//! use cloakroom::{authz::Caller, domain::UserId};
//! fn pretend(id: UserId, caller: Caller) -> Caller { caller }
//! ```
//!
//! An action without a line in [`policy`] is nobody's:
//! ```compile_fail,E0277
//! use cloakroom::{authz::{Caller, Refusal, Reach, action::SetRoles}, domain::Profile};
//! fn reach(caller: &Caller) -> Result<Reach<Profile, SetRoles>, Refusal> { caller.reach() }
//! ```
//! ```
//! use cloakroom::{authz::{Caller, Refusal, Reach, action::SetRoles}, domain::User};
//! fn reach(caller: &Caller) -> Result<Reach<User, SetRoles>, Refusal> { caller.reach() }
//! ```

pub mod action;
mod caller;
mod decision;
pub mod matrix;
pub mod policy;
mod rule;
mod scope;

pub use caller::{Caller, Operator, Subject};
pub use decision::{Allowed, Grant, Reach, Registration, Sealed};
pub use policy::powers_of;
pub use rule::{Can, OwnerFrom, Reason, Refusal, Resource, Rule};
pub use scope::{Scope, ScopeSet};
