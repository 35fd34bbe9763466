//! Decision on the registration of an account.

use super::action::{Create, SetRoles};
use super::scope::ROLES_WRITE;
use super::{Actor, Caller, Reach, Reason, Refusal, RoleGrant, Rule};
use crate::domain::{Origin, Role, User};

/// Proof that an account may be registered: registration is open, or the caller may create accounts
/// for others.
///
/// A handler cannot make one, not even for an anonymous caller:
/// ```compile_fail,E0599
/// use cloakroom::{authz::{Refusal, Registration, RoleGrant}, domain::Origin};
/// fn grant() -> Result<RoleGrant, Refusal> { Registration::Open(None, Origin::default()).grant(None) }
/// ```
/// ```
/// use cloakroom::authz::{Refusal, Registration, RoleGrant};
/// fn grant(registration: Registration) -> Result<RoleGrant, Refusal> { registration.grant(None) }
/// ```
/// ```compile_fail,E0624
/// use cloakroom::{authz::Registration, domain::Origin};
/// fn pretend() -> Registration { Registration::open_to(None, Origin::default()) }
/// ```
/// ```
/// use cloakroom::{authz::{Reach, Registration, action::Create}, domain::User};
/// fn privileged(reach: Reach<User, Create>) -> Registration { Registration::from(reach) }
/// ```
#[must_use = "a proof must be used"]
pub struct Registration(Basis);

/// Basis of the decision.
enum Basis {
    /// Registration is open. The caller, if any, may not create accounts for others.
    Open(Option<Caller>, Origin),
    /// The caller may create accounts for others.
    Privileged(Reach<User, Create>),
}

/// The registration of an account for another user, by a caller who may create accounts.
impl From<Reach<User, Create>> for Registration {
    fn from(reach: Reach<User, Create>) -> Self {
        Self(Basis::Privileged(reach))
    }
}

impl Registration {
    /// Decides for a server whose registration is open, for a caller with or without a token.
    pub(crate) fn open_to(caller: Option<Caller>, origin: Origin) -> Self {
        match caller.as_ref().map(Caller::reach::<User, Create>) {
            Some(Ok(reach)) => reach.into(),
            _ => Self(Basis::Open(caller, origin)),
        }
    }

    /// Returns the caller, if the request has a token.
    pub fn by(&self) -> Option<&Caller> {
        match &self.0 {
            Basis::Open(caller, _) => caller.as_ref(),
            Basis::Privileged(reach) => Some(reach.by()),
        }
    }

    /// Returns the origin of the request.
    pub(crate) fn origin(&self) -> &Origin {
        match &self.0 {
            Basis::Open(_, origin) => origin,
            Basis::Privileged(reach) => reach.by().origin(),
        }
    }

    /// Returns the origin of a registration that needs no privilege, for its rate limit.
    pub fn open_origin(&self) -> Option<&Origin> {
        match &self.0 {
            Basis::Open(_, origin) => Some(origin),
            Basis::Privileged(_) => None,
        }
    }

    /// True when the caller may choose the roles and the status of the new user.
    pub fn may_grant(&self) -> bool {
        fault!(registration_gives_roles)
            || matches!(&self.0, Basis::Privileged(reach)
                if reach.by().holds(ROLES_WRITE) || fault!(roles_without_roles_write))
    }

    /// Returns the proof that the new user may have these roles. Without roles: `user`.
    ///
    /// # Errors
    /// [`Reason::AboveCaller`] when a role has a power that the caller lacks, and
    /// [`Reason::InsufficientScope`] when the caller may not choose roles.
    pub fn grant(&self, roles: Option<Vec<Role>>) -> Result<RoleGrant, Refusal> {
        match (roles, &self.0) {
            (None, _) => Ok(RoleGrant::of_new_user(self.actor())),
            #[cfg(feature = "faults")]
            (Some(roles), _) if fault!(registration_gives_roles) => {
                Ok(RoleGrant::unchecked(self.actor(), roles))
            }
            (Some(roles), Basis::Privileged(reach)) if self.may_grant() => {
                RoleGrant::by(reach.by(), reach.rule(), roles)
            }
            _ => Err(Refusal {
                by: self.by().cloned(),
                rule: Rule::of::<User, SetRoles>(),
                reason: Reason::InsufficientScope,
                record: None,
                owner: None,
                missing: Box::default(),
            }),
        }
    }

    fn actor(&self) -> Actor {
        match &self.0 {
            Basis::Open(caller, origin) => Actor::of_request(caller.clone(), origin.clone()),
            Basis::Privileged(reach) => Actor::Caller(reach.by().clone()),
        }
    }
}
