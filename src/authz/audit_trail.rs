//! The audit trail as a resource.

use super::{OwnerFrom, Resource};
use crate::domain::UserId;

/// Audit trail as a whole, for the policy's line on who may list it. Its entries have no owner.
#[derive(Debug)]
pub enum AuditTrail {}

impl Resource for AuditTrail {
    type Id = String;
    const NAME: &'static str = "audit_trail";
    const OWNER: OwnerFrom = OwnerFrom::Nobody;

    fn id(&self) -> String {
        match *self {}
    }

    fn owner(&self) -> Option<UserId> {
        match *self {}
    }
}
