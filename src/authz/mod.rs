//! Authorization. The store returns records [`Sealed`]; only a [`Caller`] opens them. The result,
//! [`Allowed`], is the proof that every change requires. This module knows no HTTP and no database.
//!
//! A sealed record cannot be read:
//! ```compile_fail,E0609
//! use cloakroom::{authz::Sealed, domain::User};
//! fn read(user: Sealed<User>) -> String { user.email.to_string() }
//! ```
//! ```
//! use cloakroom::{authz::{Allowed, action::Read}, domain::User};
//! fn read(user: Allowed<User, Read>) -> String { user.email.to_string() }
//! ```
//!
//! A handler cannot make a proof, nor a caller:
//! ```compile_fail,E0624
//! use cloakroom::{authz::Caller, domain::UserId};
//! fn pretend(id: UserId) -> Caller { Caller::verified(Default::default(), cloakroom::authz::Subject::User { id, roles: vec![] }, Default::default(), todo!(), Default::default(), Default::default()) }
//! ```
//! ```
//! use cloakroom::{authz::Caller, domain::UserId};
//! fn pretend(id: UserId, caller: Caller) -> Caller { caller }
//! ```
//!
//! A hypothetical caller, which only explanations need, opens nothing:
//! ```compile_fail,E0599
//! use cloakroom::{authz::{HypotheticalCaller, Reach, Refusal, action::Create}, domain::User};
//! fn reach(caller: &HypotheticalCaller) -> Result<Reach<User, Create>, Refusal> { caller.reach() }
//! ```
//! ```
//! use cloakroom::{authz::{Caller, Reach, Refusal, action::Create}, domain::User};
//! fn reach(caller: &Caller) -> Result<Reach<User, Create>, Refusal> { caller.reach() }
//! ```
//!
//! A role grant is a proof too:
//! ```compile_fail,E0451
//! use cloakroom::{authz::{Actor, RoleGrant}, domain::Role};
//! fn pretend() -> RoleGrant { RoleGrant { by: Actor::Server, roles: vec![Role::ADMIN] } }
//! ```
//! ```
//! use cloakroom::{authz::{Allowed, Refusal, RoleGrant, action::SetRoles}, domain::{Role, User}};
//! fn grant(user: &Allowed<User, SetRoles>) -> Result<RoleGrant, Refusal> { user.grant(vec![Role::ADMIN]) }
//! ```
//!
//! An action without a line in the policy does not compile:
//! ```compile_fail,E0277
//! use cloakroom::{authz::{Caller, Refusal, Reach, action::SetRoles}, domain::Profile};
//! fn reach(caller: &Caller) -> Result<Reach<Profile, SetRoles>, Refusal> { caller.reach() }
//! ```
//! ```
//! use cloakroom::{authz::{Caller, Refusal, Reach, action::SetRoles}, domain::User};
//! fn reach(caller: &Caller) -> Result<Reach<User, SetRoles>, Refusal> { caller.reach() }
//! ```

pub mod action;
mod amendment;
mod audit_event;
mod audit_trail;
mod caller;
mod can;
mod condition;
mod decision;
mod evaluation;
mod explain;
mod freshness;
pub mod matrix;
mod member;
mod missing_powers;
mod policy;
mod proof;
mod reach;
mod refusal;
mod registration;
mod relation;
mod resource;
mod revocable;
mod role_grant;
mod row_filter;
mod rule;
mod scope;
mod sealed;
mod step;
mod system;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use amendment::AllowedAmendment;
pub use audit_event::{Actor, AuditEvent, Outcome};
pub use audit_trail::AuditTrail;
pub(crate) use caller::user_of;
pub use caller::{Caller, Operator, Subject, TokenId, actor_of};
pub use can::Can;
pub use condition::{Clause, Condition};
pub use decision::Allowed;
pub(crate) use evaluation::RecordAttributes;
pub use explain::{Explanation, HypotheticalCaller, Preview, StepOutcome, StepTaken};
pub use freshness::StepUp;
pub use member::Member;
pub use missing_powers::MissingPowers;
pub(crate) use proof::Proof;
pub(crate) use reach::Breadth;
pub use reach::Reach;
pub use refusal::Refusal;
pub use registration::Registration;
pub use relation::{Relation, RelationSet};
pub use resource::Resource;
pub(crate) use revocable::{Revocable, TokenSubject};
pub use role_grant::RoleGrant;
pub use row_filter::{FilterTerm, RowFilter};
pub use rule::{OwnerFrom, Rule};
pub(crate) use scope::{
    CLIENTS_WRITE, PROFILES_READ, ROLES_WRITE, USERS_CREATE, USERS_READ, USERS_READ_ANY, USERS_WRITE_ANY,
};
pub use scope::{EMAIL, OFFLINE_ACCESS, OPENID, PROFILE, Scope, ScopeSet};
pub use sealed::Sealed;
pub use step::{Reason, Step};
pub use system::System;
pub(crate) use vocabulary::Subscription;
pub use vocabulary::Vocabulary;
pub(crate) use vocabulary::scope_names;
