//! Row filter: the decision in the form in which the store puts it into SQL.

use super::{Caller, Clause, RecordAttributes, Refusal, Relation, RelationSet, Rule};
use crate::domain::UserId;

/// Filter of the records that a query may return to a caller: the union of its terms.
///
/// ```
/// use cloakroom::{authz::{Reach, action::List}, domain::User, http::Problem, store::{Store, StoreError}};
/// async fn count(reach: Reach<User, List>, store: Store) -> Result<i64, Problem> {
///     let counted = store.gather(&reach, |_conn, filter| match filter.is_unrestricted() {
///         true => Ok::<i64, StoreError>(7),
///         false => Ok(0),
///     });
///     Ok(counted.await?)
/// }
/// ```
///
/// [`stored!`](crate::stored) puts the filter into SQL. A query written by hand must do the same.
#[derive(Clone, Debug)]
pub struct RowFilter {
    caller: Option<UserId>,
    terms: Vec<FilterTerm>,
}

/// Term of a row filter: the records that one rule lets the caller reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterTerm {
    /// Set for the records of every owner. `own` and `related` then mean nothing.
    pub everyone: bool,
    /// Set for the caller's own records.
    pub own: bool,
    /// Relations; a record that has one of them is included.
    pub related: RelationSet,
    /// States; every included record must have all of them.
    pub only_while: RelationSet,
}

impl RowFilter {
    /// Returns a filter that lets every record through. For the record that the caller just changed.
    pub(crate) fn unrestricted(caller: &Caller) -> Self {
        let term = FilterTerm {
            everyone: true,
            own: false,
            related: RelationSet::NONE,
            only_while: RelationSet::NONE,
        };
        Self { caller: caller.user_id(), terms: vec![term] }
    }

    /// Returns the filter of the records of one user.
    pub(crate) fn of_owner(owner: UserId) -> Self {
        let term = FilterTerm {
            everyone: false,
            own: true,
            related: RelationSet::NONE,
            only_while: RelationSet::NONE,
        };
        Self { caller: Some(owner), terms: vec![term] }
    }

    /// Returns the filter of the records that the caller reaches by any of the rules.
    pub(super) fn of(caller: &Caller, rules: &[&'static Rule]) -> Self {
        let terms = rules.iter().flat_map(|rule| rule.filter_terms(caller)).collect();
        Self { caller: caller.user_id(), terms }
    }

    /// Returns a filter that lets no record through.
    #[cfg(feature = "bench-limits")]
    pub(crate) fn empty() -> Self {
        Self { caller: None, terms: Vec::new() }
    }

    /// Returns the calling user. `None` for a client, which owns nothing and has no relations.
    pub fn caller(&self) -> Option<UserId> {
        self.caller
    }

    /// Returns the terms. A record passes the filter when one term includes it.
    pub fn terms(&self) -> &[FilterTerm] {
        &self.terms
    }

    /// True when every record passes, so that the query needs no condition.
    pub fn is_unrestricted(&self) -> bool {
        self.terms.iter().any(|term| term.everyone && term.only_while == RelationSet::NONE)
    }
}

impl Caller {
    /// Returns the filter of the records that this rule lets the caller reach.
    ///
    /// # Errors
    /// [`Reason::InsufficientScope`](super::Reason::InsufficientScope), [`Reason::Stale`](super::Reason::Stale).
    pub(crate) fn row_filter_by(&self, rule: &'static Rule) -> Result<RowFilter, Refusal> {
        rule.check_token(self)?;
        Ok(RowFilter::of(self, &[rule]))
    }
}

impl Rule {
    /// Returns the terms of this rule: one for the clauses without a state of their own, and one for each state of
    /// a clause. None when the caller reaches no record by it.
    fn filter_terms(&self, caller: &Caller) -> Vec<FilterTerm> {
        let mut states: Vec<Option<Relation>> = Vec::new();
        for (_, state) in self.condition.ways() {
            if !states.contains(&state) {
                states.push(state);
            }
        }
        states.into_iter().filter_map(|state| self.filter_term(caller, state)).collect()
    }

    /// Returns the term of the clauses that are limited to this state.
    fn filter_term(&self, caller: &Caller, state: Option<Relation>) -> Option<FilterTerm> {
        let is_user = caller.user_id().is_some();
        let index = |relation| self.relations().iter().position(|known| *known == relation);
        let set = |indices: &[usize]| {
            RelationSet::of((0..self.relations().len()).map(|index| indices.contains(&index)))
        };
        let (mut everyone, mut own, mut related) = (fault!(rows_of_everyone), false, Vec::new());
        for (clause, _) in self.condition.ways().filter(|(_, of)| *of == state) {
            match clause {
                Clause::Owner(scope) => own |= is_user && caller.scope().contains(scope),
                Clause::Related(relation, scope) => {
                    let may_hold = caller.scope().contains(scope) && (is_user || !relation.is_personal());
                    related.extend(index(relation).filter(|_| may_hold));
                }
                _ => everyone |= self.holds(clause, caller, RecordAttributes::UNKNOWN),
            }
        }
        // No record is ever in a state that the kind of record does not have.
        let states = self.condition.state().into_iter().chain(state).map(index);
        let only_while = set(&states.collect::<Option<Vec<_>>>()?);
        let term = FilterTerm { everyone, own, related: set(&related), only_while };
        (term.everyone || term.own || term.related != RelationSet::NONE).then_some(term)
    }
}
