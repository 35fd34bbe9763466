//! What the audit trail keeps: who did, or was refused, what, on whose record.

use uuid::Uuid;

use super::action::Action;
use super::caller::Caller;
use super::decision::{Allowed, Reach};
use super::resource::Resource;
use super::rule::{Reason, Refusal};
use crate::domain::UserId;

/// Something that was done, or refused. A deed is written down in the transaction that does it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Who did it, or tried to; none for somebody without an acceptable token, and for what the
    /// server does by itself.
    pub by: Option<Caller>,
    /// The action's name.
    pub action: &'static str,
    /// The kind of record.
    pub resource: &'static str,
    /// The record's id, where there is one.
    pub record: Option<String>,
    /// Whose record it is, where that is known.
    pub owner: Option<UserId>,
    /// Whether it was done.
    pub outcome: Outcome,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused at this step, under the decision's id.
    Refused(Reason, Option<Uuid>),
    /// A login with a wrong password.
    WrongPassword,
    /// So many refusals were not written down one by one: there were too many at once.
    Overflow(i64),
}

impl<R: Resource, A: Action> From<&Allowed<R, A>> for Event {
    fn from(allowed: &Allowed<R, A>) -> Self {
        Self {
            by: Some(allowed.by().clone()),
            action: A::NAME,
            resource: R::NAME,
            record: Some(allowed.id().to_string()),
            owner: allowed.owner(),
            outcome: Outcome::Done,
        }
    }
}

impl Event {
    /// That somebody made a record.
    pub(crate) fn made<R: Resource, A: Action>(reach: &Reach<R, A>, record: impl ToString) -> Self {
        Self {
            by: Some(reach.by().clone()),
            action: A::NAME,
            resource: R::NAME,
            record: Some(record.to_string()),
            owner: None,
            outcome: Outcome::Done,
        }
    }

    /// That somebody was refused, under this decision's id.
    pub fn refused(refusal: &Refusal, decision: Option<Uuid>) -> Self {
        Self {
            by: refusal.by.clone(),
            action: refusal.rule.action,
            resource: refusal.rule.resource,
            record: refusal.record.clone(),
            owner: refusal.owner,
            outcome: Outcome::Refused(refusal.reason, decision),
        }
    }
}
