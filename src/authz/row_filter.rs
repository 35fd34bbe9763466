//! Row filter: the decision in the form in which the store puts it into SQL.

use super::{Caller, Refusal, RelationSet, Rule};
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

    /// Returns the filter of the records that the caller reaches by any of the rules.
    pub(super) fn of(caller: &Caller, rules: &[&'static Rule]) -> Self {
        let terms = rules.iter().filter_map(|rule| rule.filter_term(caller)).collect();
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
    /// Returns the term of this rule. `None` when the caller reaches no record by it.
    fn filter_term(&self, caller: &Caller) -> Option<FilterTerm> {
        let holds = |scope| caller.scope().contains(scope);
        let is_user = caller.user_id().is_some();
        let index = |relation| self.relations().iter().position(|known| *known == relation);
        let set = |indices: &[Option<usize>]| {
            RelationSet::of((0..self.relations().len()).map(|index| indices.contains(&Some(index))))
        };
        let related: Vec<Option<usize>> = self
            .condition
            .relations()
            .filter(|(relation, scope)| holds(*scope) && (is_user || !relation.is_personal()))
            .map(|(relation, _)| index(relation))
            .collect();
        // No record is ever in a state that the kind of record does not have.
        let state = match self.condition.state() {
            Some(state) => Some(index(state)?),
            None => None,
        };
        let term = FilterTerm {
            everyone: self.reaches_everyone(caller) || fault!(rows_of_everyone),
            own: is_user && self.condition.owner_scope().is_some_and(holds),
            related: set(&related),
            only_while: set(&[state]),
        };
        (term.everyone || term.own || term.related != RelationSet::NONE).then_some(term)
    }
}
