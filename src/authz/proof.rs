//! Proofs of a decision to change something.

use super::action::Changing;
use super::{Allowed, AllowedAmendment, Caller, Reach, Resource, RoleGrant};
use crate::domain::{Role, UserId};

/// Proof that a change is allowed. Time passes between the decision and the change, so the store looks at the
/// caller again in the transaction of the change.
pub(crate) trait Proof: 'static {
    /// Returns the caller of the decision. None when the request had no token, or the server acts itself.
    fn caller(&self) -> Option<&Caller>;

    /// Returns the owner whose roles the decision compared, and these roles.
    fn compared_owner(&self) -> Option<(UserId, &[Role])> {
        None
    }
}

impl<R: Resource, A: Changing> Proof for Allowed<R, A> {
    fn caller(&self) -> Option<&Caller> {
        Some(self.by())
    }

    fn compared_owner(&self) -> Option<(UserId, &[Role])> {
        Allowed::compared_owner(self)
    }
}

impl<R: Resource, A: Changing> Proof for AllowedAmendment<R, A> {
    fn caller(&self) -> Option<&Caller> {
        Some(self.by())
    }
}

impl<R: Resource, A: Changing> Proof for Reach<R, A> {
    fn caller(&self) -> Option<&Caller> {
        Some(self.by())
    }
}

impl Proof for RoleGrant {
    fn caller(&self) -> Option<&Caller> {
        self.by_actor().caller()
    }
}

/// The caller itself, for what the token alone allows: to end its own session.
impl Proof for Caller {
    fn caller(&self) -> Option<&Caller> {
        Some(self)
    }
}
