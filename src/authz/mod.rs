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
//! fn pretend(id: UserId) -> Caller { Caller::verified(Default::default(), cloakroom::authz::Subject::User { id, roles: vec![] }, Default::default(), None, Default::default()) }
//! ```
//! ```
//! use cloakroom::{authz::Caller, domain::UserId};
//! fn pretend(id: UserId, caller: Caller) -> Caller { caller }
//! ```
//!
//! An action without a line in the policy is nobody's:
//! ```compile_fail,E0277
//! use cloakroom::{authz::{Caller, Refusal, Reach, action::SetRoles}, domain::Profile};
//! fn reach(caller: &Caller) -> Result<Reach<Profile, SetRoles>, Refusal> { caller.reach() }
//! ```
//! ```
//! use cloakroom::{authz::{Caller, Refusal, Reach, action::SetRoles}, domain::User};
//! fn reach(caller: &Caller) -> Result<Reach<User, SetRoles>, Refusal> { caller.reach() }
//! ```

pub mod action;
mod amend;
mod audit_event;
mod caller;
mod decision;
mod explain;
pub mod matrix;
mod member;
mod policy;
mod relation;
mod resource;
mod role_grant;
mod roles;
mod row_filter;
mod rule;
mod scope;
#[cfg(test)]
mod tests;
mod who;

pub use amend::AllowedAmendment;
pub use audit_event::{Actor, AuditEvent, AuditTrail, Outcome};
pub use caller::{Caller, Operator, Subject, TokenId, actor_of};
pub use decision::{Allowed, Reach, Sealed};
pub use explain::{Explanation, HypotheticalCaller, Preview, StepOutcome, StepTaken};
pub use member::Member;
pub use relation::{Relation, RelationSet};
pub use resource::{OwnerFrom, Resource};
pub use role_grant::{Registration, RoleGrant};
pub use roles::Vocabulary;
pub use row_filter::{FilterTerm, RowFilter};
pub(crate) use rule::RecordAttributes;
pub use rule::{Reason, Refusal, Rule, Step};
pub use scope::{EMAIL, OFFLINE_ACCESS, OPENID, PROFILE, Scope, ScopeSet};
pub use who::{Can, Clause, Condition};
