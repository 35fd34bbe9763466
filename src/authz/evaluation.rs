//! Evaluation of a rule for one caller and one record: the only code that decides.

use super::{
    Caller, Clause, MissingPowers, OwnerFrom, Reason, Relation, RelationSet, Resource, Rule, ScopeSet, Step,
    Vocabulary,
};
use crate::domain::{Role, UserId};

/// Attributes of a record that a decision reads.
#[derive(Clone, Copy)]
pub(crate) struct RecordAttributes<'a> {
    pub(crate) owner: Option<UserId>,
    pub(crate) relations: RelationSet,
    /// Source of the record's powers. `None` before the record is loaded.
    pub(crate) rank: Option<&'a dyn Ranked>,
}

impl<'a> RecordAttributes<'a> {
    /// Attributes before a record is loaded.
    pub(super) const UNKNOWN: Self = Self { owner: None, relations: RelationSet::NONE, rank: None };

    pub(crate) fn of<R: Resource>(record: &'a R, relations: RelationSet) -> Self {
        Self { owner: record.owner(), relations, rank: Some(record) }
    }

    /// Attributes that the id alone tells.
    pub(super) fn owned_by(owner: UserId) -> Self {
        Self { owner: Some(owner), ..Self::UNKNOWN }
    }
}

/// Record with powers over others. Computed only for rules that ask for the rank.
pub(crate) trait Ranked {
    /// As [`Resource::powers`].
    fn powers(&self, vocabulary: &Vocabulary) -> ScopeSet;
}

impl<R: Resource> Ranked for R {
    fn powers(&self, vocabulary: &Vocabulary) -> ScopeSet {
        Resource::powers(self, vocabulary)
    }
}

/// Returns the powers over others that the record has and the caller lacks.
pub(super) fn missing_powers(caller: &Caller, record: &dyn Ranked) -> MissingPowers {
    caller.missing(&record.powers(caller.vocabulary()))
}

impl Rule {
    /// True when every step passes.
    pub(crate) fn permits(&self, caller: &Caller, attributes: RecordAttributes<'_>) -> bool {
        self.failed_step(caller, attributes).is_none()
    }

    /// Returns the first step that fails.
    pub(super) fn failed_step(&self, caller: &Caller, attributes: RecordAttributes<'_>) -> Option<Step> {
        Step::ALL.into_iter().find(|step| !self.passes(*step, caller, attributes))
    }

    /// Returns the reason that the caller may learn. A record that the caller may not read is
    /// always [`Reason::NotFound`], except for a missing scope, a stale authentication or a missing
    /// power. A missing power is visible because only a caller who could otherwise act reaches that
    /// step.
    pub(super) fn visible_reason(
        &self,
        read: &Rule,
        caller: &Caller,
        attributes: RecordAttributes<'_>,
    ) -> Option<Reason> {
        let reason = self.failed_step(caller, attributes)?.reason();
        let lacks_rights = matches!(reason, Reason::InsufficientScope | Reason::Stale | Reason::AboveCaller);
        let is_visible = lacks_rights || read.permits(caller, attributes) || fault!(existence_told);
        Some(if is_visible { reason } else { Reason::NotFound })
    }

    /// True when the step passes.
    pub(super) fn passes(&self, step: Step, caller: &Caller, attributes: RecordAttributes<'_>) -> bool {
        match step {
            Step::Scope => {
                self.condition.scopes().any(|scope| caller.holds(scope)) || fault!(scope_not_checked)
            }
            Step::Freshness => {
                !self.condition.needs_freshness() || caller.is_fresh() || fault!(freshness_not_checked)
            }
            Step::Owner => self.condition.clauses().any(|clause| self.holds(clause, caller, attributes)),
            Step::State => self.passes_state(caller, attributes) || fault!(state_not_checked),
            Step::Rank => self.passes_rank(caller, attributes),
        }
    }

    /// True when the clause holds for the caller and the record.
    pub(super) fn holds(&self, clause: Clause, caller: &Caller, attributes: RecordAttributes<'_>) -> bool {
        let applies = match clause {
            Clause::Owner(_) => {
                caller.user_id().is_some()
                    && (caller.user_id() == attributes.owner || fault!(owner_not_compared))
            }
            Clause::Related(relation, _) => {
                (!relation.is_personal() || caller.user_id().is_some())
                    && (attributes.relations.includes(self.relations, relation)
                        || fault!(related_to_everyone))
            }
            // A role reaches the records of others, which the session of a browser never does.
            Clause::Role(role, _) if caller.is_browser() && role != Role::USER => fault!(browser_has_powers),
            Clause::Role(role, _) => caller.has_role(role) || fault!(role_not_compared),
            Clause::System(system, _) => caller.is_system(system) || fault!(system_not_compared),
            Clause::Anyone(_) | Clause::Everybody(_) => true,
        };
        applies && (caller.holds(clause.scope()) || fault!(scope_not_checked))
    }

    /// True when the record is not the caller's own, and not open to every caller by its state.
    pub(crate) fn is_of_another(&self, caller: &Caller, attributes: RecordAttributes<'_>) -> bool {
        let is_own = caller.user_id().is_some() && caller.user_id() == attributes.owner;
        let is_open = || {
            self.condition.relations().any(|(relation, scope)| {
                !relation.is_personal() && self.holds(Clause::Related(relation, scope), caller, attributes)
            })
        };
        !is_own && !is_open()
    }

    /// True when the record is in the state for all clauses, and in that of a clause that holds.
    fn passes_state(&self, caller: &Caller, attributes: RecordAttributes<'_>) -> bool {
        let is_in = |state: Option<Relation>| {
            state.is_none_or(|state| attributes.relations.includes(self.relations, state))
        };
        let is_way = |(clause, state)| is_in(state) && self.holds(clause, caller, attributes);
        is_in(self.condition.state()) && self.condition.ways().any(is_way)
    }

    fn passes_rank(&self, caller: &Caller, attributes: RecordAttributes<'_>) -> bool {
        let is_own = || attributes.owner.is_some() && caller.user_id() == attributes.owner;
        let reaches = |record: &dyn Ranked| {
            // The server itself registers clients at its start.
            let is_equal = || {
                fault!(equal_is_above)
                    && caller.user_id().is_some()
                    && !record.powers(caller.vocabulary()).is_empty()
            };
            missing_powers(caller, record).is_empty() && !is_equal()
        };
        !self.condition.is_ranked()
            || is_own()
            || attributes.rank.is_none_or(reaches)
            || fault!(rank_not_compared)
    }

    /// True when the caller's token and roles reach every record of the kind.
    pub(super) fn reaches_everyone(&self, caller: &Caller) -> bool {
        self.passes(Step::Owner, caller, RecordAttributes::UNKNOWN)
    }

    /// Returns the reason for refusing an id that no record of the kind can have. It is the same
    /// reason as for an id that a record can have.
    pub(super) fn reason_of_no_record(&self, caller: &Caller) -> Reason {
        let is_hidden = self.owner_from == OwnerFrom::Url && !self.reaches_everyone(caller);
        if is_hidden { Reason::NotOwner } else { Reason::NotFound }
    }
}
