//! A rule, the refusal that names it, and the one place that decides.

use std::fmt;

use serde::Serialize;

use super::action::Action;
use super::caller::{Caller, Subject};
use super::relation::{Relation, RelationSet};
use super::resource::{OwnerFrom, Ranked, Resource};
use super::scope::Scope;
use super::who::{Can, Clause, Condition};
use crate::domain::UserId;

/// A line of the policy as a value, for the decision, the matrix, the log and the OpenAPI document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The kind of record.
    pub resource: &'static str,
    /// The kind of record that it is part of.
    pub part_of: Option<&'static str>,
    /// What is done to it.
    pub action: &'static str,
    /// Whether that changes anything.
    pub changes: bool,
    /// Who may.
    pub who: Condition,
    /// Where the owner is read from.
    pub owner_from: OwnerFrom,
    relations: &'static [Relation],
}

/// What a decision looks at in a record.
#[derive(Clone, Copy)]
pub(crate) struct RecordAttributes<'a> {
    pub(crate) owner: Option<UserId>,
    pub(crate) held: RelationSet,
    /// None where the record is not known yet.
    pub(crate) rank: Option<&'a dyn Ranked>,
}

impl<'a> RecordAttributes<'a> {
    pub(crate) fn of<R: Resource>(record: &'a R, held: RelationSet) -> Self {
        Self { owner: record.owner(), held, rank: Some(record) }
    }
}

impl Rule {
    /// The rule for `A` on `R`.
    pub const fn of<R: Can<A>, A: Action>() -> &'static Self {
        const {
            &Self {
                resource: R::NAME,
                part_of: R::PART_OF,
                action: A::NAME,
                changes: A::CHANGES,
                who: R::WHO,
                owner_from: R::OWNER,
                relations: R::RELATIONS,
            }
        }
    }

    /// The relations that the kind of record has.
    pub fn relations(&self) -> &'static [Relation] {
        self.relations
    }

    /// The weakest scope that could satisfy it.
    pub fn weakest_scope(&self) -> Option<Scope> {
        self.who.scopes().next()
    }

    /// Whether the caller's token and roles reach everyone's records.
    pub(super) fn reaches_everyone(&self, caller: &Caller) -> bool {
        let nobodys = RecordAttributes { owner: None, held: RelationSet::NONE, rank: None };
        self.lets_owner(caller, nobodys)
    }

    /// Why an id that names no record of the kind is refused: as one that could.
    pub(super) fn reason_of_no_record(&self, caller: &Caller) -> Reason {
        let hidden = self.owner_from == OwnerFrom::Url && !self.reaches_everyone(caller);
        if hidden { Reason::NotOwner } else { Reason::NotFound }
    }

    /// The first step, from the route alone: does the token carry a scope for this at all?
    pub(super) fn check_scope(&'static self, caller: &Caller) -> Result<(), Refusal> {
        self.unless(self.lets_scope(caller), caller, Reason::InsufficientScope)
    }

    /// The second step: is the record the caller's own, or one that it reaches otherwise?
    pub(super) fn check_owner(
        &'static self,
        caller: &Caller,
        facts: RecordAttributes<'_>,
    ) -> Result<(), Refusal> {
        self.unless(self.lets_owner(caller, facts), caller, Reason::NotOwner)
    }

    /// The last step: on what is not their own, has the caller every power that goes with it?
    pub(super) fn check_rank(
        &'static self,
        caller: &Caller,
        facts: RecordAttributes<'_>,
    ) -> Result<(), Refusal> {
        self.unless(self.lets_rank(caller, facts), caller, Reason::AboveCaller)
    }

    /// Whether all steps let the caller.
    pub(crate) fn permits(&self, caller: &Caller, facts: RecordAttributes<'_>) -> bool {
        self.against(caller, facts).is_none()
    }

    /// The first step that decides against the caller.
    pub(super) fn against(&self, caller: &Caller, facts: RecordAttributes<'_>) -> Option<Step> {
        Step::ALL.into_iter().find(|step| !self.lets(*step, caller, facts))
    }

    /// What the caller is told of it: whatever stands against them, a record that they may not read
    /// is not there. Who is above the caller is seen by who could otherwise act.
    pub(super) fn told(&self, read: &Rule, caller: &Caller, facts: RecordAttributes<'_>) -> Option<Reason> {
        let reason = self.against(caller, facts)?.reason();
        let asked_for_too_much = matches!(reason, Reason::InsufficientScope | Reason::AboveCaller);
        let known = asked_for_too_much || read.permits(caller, facts);
        Some(if known { reason } else { Reason::NotFound })
    }

    /// Whether one step lets the caller.
    pub(super) fn lets(&self, step: Step, caller: &Caller, facts: RecordAttributes<'_>) -> bool {
        match step {
            Step::Scope => self.lets_scope(caller),
            Step::Owner => self.lets_owner(caller, facts),
            Step::State => self.lets_state(facts.held),
            Step::Rank => self.lets_rank(caller, facts),
        }
    }

    fn lets_scope(&self, caller: &Caller) -> bool {
        self.who.scopes().any(|scope| caller.holds(scope))
    }

    fn lets_owner(&self, caller: &Caller, facts: RecordAttributes<'_>) -> bool {
        self.who.ways().any(|way| self.opens(way, caller, facts))
    }

    /// Whether this way in is open to the caller.
    pub(super) fn opens(&self, way: Clause, caller: &Caller, facts: RecordAttributes<'_>) -> bool {
        let is_open = match way {
            Clause::Owner(_) => caller.user_id().is_some() && caller.user_id() == facts.owner,
            Clause::Related(relation, _) => {
                (!relation.is_personal() || caller.user_id().is_some())
                    && facts.held.includes(self.relations, relation)
            }
            Clause::Role(role, _) => caller.has_role(role),
            Clause::Anyone(_) => true,
        };
        is_open && caller.holds(way.scope())
    }

    fn lets_state(&self, held: RelationSet) -> bool {
        self.who.state().is_none_or(|state| held.includes(self.relations, state))
    }

    fn lets_rank(&self, caller: &Caller, facts: RecordAttributes<'_>) -> bool {
        let own = || facts.owner.is_some() && caller.user_id() == facts.owner;
        !self.who.is_ranked() || own() || facts.rank.is_none_or(|record| caller.is_level_with(record))
    }

    fn unless(&'static self, lets: bool, caller: &Caller, reason: Reason) -> Result<(), Refusal> {
        if lets { Ok(()) } else { Err(self.refuse(caller, reason)) }
    }

    /// The refusal of this caller at this step.
    pub(super) fn refuse(&'static self, caller: &Caller, reason: Reason) -> Refusal {
        Refusal { by: Some(caller.clone()), rule: self, reason, record: None, owner: None }
    }
}

/// A step of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Does the token carry a scope of the rule at all?
    Scope,
    /// Is the record the caller's own, or one that they reach otherwise?
    Owner,
    /// Is the record in the state that the rule asks for?
    State,
    /// On what is not their own, has the caller every power that goes with it?
    Rank,
}

impl Step {
    /// In the order in which they are taken.
    pub const ALL: [Step; 4] = [Step::Scope, Step::Owner, Step::State, Step::Rank];

    /// Why somebody is refused whom it does not let.
    pub fn reason(self) -> Reason {
        match self {
            Step::Scope => Reason::InsufficientScope,
            Step::Owner => Reason::NotOwner,
            Step::State => Reason::WrongState,
            Step::Rank => Reason::AboveCaller,
        }
    }
}

/// Why a request was refused: the rule and the step that decided.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Who was refused; nobody in particular when no token was sent.
    pub by: Option<Caller>,
    /// The rule that was applied.
    pub rule: &'static Rule,
    /// The step that decided.
    pub reason: Reason,
    /// The record's id, where the path names one.
    pub record: Option<String>,
    /// Whose record it is, where that is known.
    pub owner: Option<UserId>,
}

impl Refusal {
    /// Who was refused.
    pub fn subject(&self) -> Option<&Subject> {
        self.by.as_ref().map(Caller::subject)
    }

    /// Whether nothing was kept from the caller, who reaches every record of the kind: it is not there.
    pub fn is_of_nothing(&self) -> bool {
        let reaches = |caller: &Caller| self.rule.reaches_everyone(caller);
        self.reason == Reason::NotFound && self.by.as_ref().is_some_and(reaches)
    }

    /// The same refusal, of this very record.
    pub(crate) fn on(self, record: impl fmt::Display, owner: Option<UserId>) -> Self {
        Self { record: Some(record.to_string()), owner, ..self }
    }
}

/// The step that decided against the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The token carries none of the rule's scopes.
    InsufficientScope,
    /// The record is neither the caller's nor one that it reaches otherwise.
    NotOwner,
    /// The record is not there, or must not be known to be there.
    NotFound,
    /// The record's state does not allow it.
    WrongState,
    /// The caller would act on, or grant, power that they do not have.
    AboveCaller,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 5] = [
        Reason::InsufficientScope,
        Reason::NotOwner,
        Reason::NotFound,
        Reason::WrongState,
        Reason::AboveCaller,
    ];

    /// The name by which problem documents and the audit trail know it.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::InsufficientScope => "insufficient-scope",
            Reason::NotOwner => "not-owner",
            Reason::NotFound => "not-found",
            Reason::WrongState => "wrong-state",
            Reason::AboveCaller => "above-caller",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::InsufficientScope => "the token has no scope for it",
            Reason::NotOwner => "not the owner",
            Reason::NotFound => "not there",
            Reason::WrongState => "not in the state for it",
            Reason::AboveCaller => "above the caller",
        })
    }
}
