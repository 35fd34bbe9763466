//! Refusal: the answer to a caller whom a rule does not permit.

use std::fmt;

use super::evaluation::{Ranked, missing_powers};
use super::{Caller, MissingPowers, Reason, RecordAttributes, Rule, Step, Subject};
use crate::domain::UserId;

/// Refusal of a request: the rule that was applied, and the reason.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The refused caller. `None` when the request has no token.
    pub by: Option<Caller>,
    /// The rule that was applied.
    pub rule: &'static Rule,
    /// The reason.
    pub reason: Reason,
    /// The record's id, if the path names one.
    pub record: Option<Box<str>>,
    /// The record's owner, if known.
    pub owner: Option<UserId>,
    /// For [`Reason::AboveCaller`]: the missing powers. Empty when the caller may not know them.
    pub missing: Box<MissingPowers>,
}

impl Refusal {
    /// Returns the subject of the refused caller.
    pub fn subject(&self) -> Option<&Subject> {
        self.by.as_ref().map(Caller::subject)
    }

    /// True when the record does not exist and the caller may know that: the caller reaches every
    /// record of the kind, so the answer hides nothing.
    pub fn is_plain_not_found(&self) -> bool {
        let reaches = |caller: &Caller| self.rule.reaches_everyone(caller);
        self.reason == Reason::NotFound && self.by.as_ref().is_some_and(reaches)
    }

    /// Adds the record's id and owner.
    pub(crate) fn on(self, record: impl fmt::Display, owner: Option<UserId>) -> Self {
        Self { record: Some(record.to_string().into()), owner, ..self }
    }
}

impl Rule {
    /// Checks one step.
    ///
    /// # Errors
    /// A refusal with the step's reason.
    pub(super) fn check(
        &'static self,
        step: Step,
        caller: &Caller,
        attributes: RecordAttributes<'_>,
    ) -> Result<(), Refusal> {
        match (step, attributes.rank) {
            _ if self.passes(step, caller, attributes) => Ok(()),
            (Step::Rank, Some(record)) => Err(self.refuse_rank(caller, record)),
            _ => Err(self.refuse(caller, step.reason())),
        }
    }

    /// Checks the first two steps, which need the token alone and no record: the scope, and the freshness.
    ///
    /// # Errors
    /// [`Reason::InsufficientScope`], [`Reason::Stale`].
    pub(super) fn check_token(&'static self, caller: &Caller) -> Result<(), Refusal> {
        self.check(Step::Scope, caller, RecordAttributes::UNKNOWN)?;
        self.check(Step::Freshness, caller, RecordAttributes::UNKNOWN)
    }

    /// Returns the refusal of this caller, for this reason.
    pub(super) fn refuse(&'static self, caller: &Caller, reason: Reason) -> Refusal {
        let missing = Box::default();
        Refusal { by: Some(caller.clone()), rule: self, reason, record: None, owner: None, missing }
    }

    /// Returns the refusal of this caller because of the powers that the record has.
    pub(super) fn refuse_rank(&'static self, caller: &Caller, record: &dyn Ranked) -> Refusal {
        let missing = Box::new(missing_powers(caller, record));
        Refusal { missing, ..self.refuse(caller, Reason::AboveCaller) }
    }
}
