//! Role grant: the proof that a user may get certain roles.

use super::action::{Action as _, Create, SetRoles};
use super::resource::Resource as _;
use super::{Actor, Allowed, AuditEvent, Caller, Outcome, Reason, Refusal, Rule};
use crate::domain::{Origin, Role, User, UserId};

/// Proof that these roles may be given to a user.
#[derive(Debug)]
#[must_use = "a proof must be used"]
pub struct RoleGrant {
    by: Actor,
    roles: Vec<Role>,
}

impl RoleGrant {
    /// Grants the role of every new user.
    pub(super) fn of_new_user(by: Actor) -> Self {
        Self { by, roles: vec![Role::USER] }
    }

    /// Grants any roles.
    #[cfg(feature = "faults")]
    pub(super) fn unchecked(by: Actor, roles: Vec<Role>) -> Self {
        Self { by, roles }
    }

    /// Grants the role of every new user to a user of another issuer, when the operator permits such
    /// accounts. It does not depend on whether registration is open.
    pub(crate) fn for_foreign_user() -> Self {
        Self::of_new_user(Actor::Server)
    }

    /// Grants the role of every new user to the user of a registration whose address is proved. The registration was
    /// decided when it was requested.
    pub(crate) fn for_proved_registration(origin: Origin) -> Self {
        Self::of_new_user(Actor::Anonymous(origin, None))
    }

    /// Grants roles whose powers the caller has. A caller who grants power must be fresh, by every route.
    ///
    /// # Errors
    /// [`Reason::Stale`]; [`Reason::AboveCaller`] when a role has a power that the caller lacks.
    pub(super) fn by(caller: &Caller, rule: &'static Rule, mut roles: Vec<Role>) -> Result<Self, Refusal> {
        let powers = caller.vocabulary().powers_of(&roles);
        if !powers.is_empty() && !caller.is_fresh() && !fault!(stale_grants_power) {
            return Err(Rule::of::<User, SetRoles>().refuse(caller, Reason::Stale));
        }
        let missing = caller.missing(&powers);
        if !missing.is_empty() && !fault!(role_above_granted) {
            return Err(Refusal { missing: Box::new(missing), ..rule.refuse(caller, Reason::AboveCaller) });
        }
        roles.sort();
        roles.dedup();
        Ok(Self { by: Actor::Caller(caller.clone()), roles })
    }

    /// Returns the party that grants them.
    pub(super) fn by_actor(&self) -> &Actor {
        &self.by
    }

    /// Returns the roles, sorted and without duplicates.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// Returns the audit event for the creation of a user with these roles.
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

impl Allowed<User, SetRoles> {
    /// Returns the proof that the caller may give these roles.
    ///
    /// # Errors
    /// [`Reason::AboveCaller`] when a role has a power that the caller lacks.
    pub fn grant(&self, roles: Vec<Role>) -> Result<RoleGrant, Refusal> {
        RoleGrant::by(self.by(), self.rule(), roles).map_err(|refusal| refusal.on(self.id, Some(self.id)))
    }
}
