//! The decision on a new account, and on the roles that somebody gives: proofs too.

use super::action::{Action as _, Create, SetRoles};
use super::audit_event::{Actor, AuditEvent, Outcome};
use super::caller::Caller;
use super::decision::Reach;
use super::resource::Resource as _;
use super::rule::{Reason, Refusal, Rule};
use super::scope::ROLES_WRITE;
use crate::domain::{Origin, Role, User, UserId};

/// Somebody may make an account: anybody while registration is open, otherwise who has the scope.
#[must_use = "a decision is made to be acted upon"]
pub enum Registration {
    /// Registration is open; the caller, if any, has no scope to create accounts for others.
    Open(Option<Caller>, Origin),
    /// The caller may create accounts for others.
    Entitled(Reach<User, Create>),
}

impl Registration {
    /// What a caller, or nobody, may do when anybody may register.
    pub(crate) fn open_to(caller: Option<Caller>, origin: Origin) -> Self {
        match caller.as_ref().map(Caller::reach::<User, Create>) {
            Some(Ok(entitled)) => Self::Entitled(entitled),
            _ => Self::Open(caller, origin),
        }
    }

    fn whoever(&self) -> Actor {
        match self {
            Self::Open(caller, origin) => Actor::of_request(caller.clone(), origin.clone()),
            Self::Entitled(reach) => Actor::Caller(reach.by().clone()),
        }
    }

    /// Who is calling, if anybody is.
    pub fn by(&self) -> Option<&Caller> {
        match self {
            Self::Open(caller, _) => caller.as_ref(),
            Self::Entitled(reach) => Some(reach.by()),
        }
    }

    /// Whether the caller may say which roles and which status the new user has.
    pub fn may_grant(&self) -> bool {
        matches!(self, Self::Entitled(reach) if reach.by().holds(ROLES_WRITE))
    }

    /// The proof that the new user may have these roles; `user` alone when none are named.
    ///
    /// # Errors
    /// [`Reason::AboveCaller`] when a role gives a power that the caller does not have, and
    /// [`Reason::InsufficientScope`] when the caller may not name roles at all.
    pub fn grant(&self, roles: Option<Vec<Role>>) -> Result<RoleGrant, Refusal> {
        let Some(roles) = roles else {
            return Ok(RoleGrant { by: self.whoever(), roles: vec![Role::USER] });
        };
        let rule = Rule::of::<User, Create>();
        match self {
            Self::Entitled(reach) if self.may_grant() => RoleGrant::by(reach.by(), rule, roles),
            _ => {
                let rule = Rule::of::<User, SetRoles>();
                let reason = Reason::InsufficientScope;
                Err(Refusal { by: self.by().cloned(), rule, reason, record: None, owner: None })
            }
        }
    }
}

/// Roles that somebody was entitled to give.
#[derive(Debug)]
#[must_use = "roles are granted in order to be given"]
pub struct RoleGrant {
    by: Actor,
    roles: Vec<Role>,
}

impl RoleGrant {
    /// What whoever comes with another issuer's token gets, where the operator lets them in: what
    /// anybody gets who registers, whether or not anybody may.
    pub(crate) fn for_foreign_user() -> Self {
        Self { by: Actor::Server, roles: vec![Role::USER] }
    }

    pub(super) fn by(caller: &Caller, rule: &'static Rule, mut roles: Vec<Role>) -> Result<Self, Refusal> {
        if !caller.outranks(&roles) {
            return Err(rule.refuse(caller, Reason::AboveCaller));
        }
        roles.sort();
        roles.dedup();
        Ok(Self { by: Actor::Caller(caller.clone()), roles })
    }

    /// The roles, sorted, each once.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// That a user was made with them.
    pub(crate) fn event(&self, user: UserId) -> AuditEvent {
        AuditEvent {
            by: self.by.clone(),
            action: Create::NAME,
            resource: User::NAME,
            record: Some(user.to_string()),
            owner: Some(user),
            outcome: Outcome::Done,
        }
    }
}
