//! What a query may return: the decision in the form in which the store puts it into its SQL.

use super::caller::Caller;
use super::relation::RelationSet;
use super::rule::{Refusal, Rule};
use crate::domain::UserId;

/// Which records of a kind a query may return to a caller: those within any of its terms.
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
/// [`stored!`](crate::stored) puts it into SQL; a query written by hand must do the same.
#[derive(Clone, Debug)]
pub struct RowFilter {
    caller: Option<UserId>,
    terms: Vec<FilterTerm>,
}

/// The records that one rule lets a caller reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterTerm {
    /// Everyone's; the next two then say nothing.
    pub everyone: bool,
    /// The caller's own.
    pub own: bool,
    /// Those to which one of these relations holds.
    pub related: RelationSet,
    /// Of all of them, only those of which this holds.
    pub only_while: RelationSet,
}

impl RowFilter {
    /// Everything; the relations are the caller's. For the record that a caller has just changed.
    pub(crate) fn unrestricted(caller: &Caller) -> Self {
        let everyone = FilterTerm {
            everyone: true,
            own: false,
            related: RelationSet::NONE,
            only_while: RelationSet::NONE,
        };
        Self { caller: caller.user_id(), terms: vec![everyone] }
    }

    /// What the caller sees by any of the rules.
    pub(super) fn of(caller: &Caller, rules: &[&'static Rule]) -> Self {
        let terms = rules.iter().filter_map(|rule| rule.term(caller)).collect();
        Self { caller: caller.user_id(), terms }
    }

    /// Nothing at all.
    #[cfg(feature = "bench-limits")]
    pub(crate) fn empty() -> Self {
        Self { caller: None, terms: Vec::new() }
    }

    /// The user who calls; a client owns nothing and has no relations.
    pub fn caller(&self) -> Option<UserId> {
        self.caller
    }

    /// Any of these; nothing when there is none.
    pub fn terms(&self) -> &[FilterTerm] {
        &self.terms
    }

    /// Whether nothing at all is hidden, so that the query needs no condition.
    pub fn is_unrestricted(&self) -> bool {
        self.terms.iter().any(|term| term.everyone && term.only_while == RelationSet::NONE)
    }
}

impl Caller {
    /// The records of which this rule lets the caller.
    ///
    /// # Errors
    /// When the token has no scope of it at all.
    pub(crate) fn row_filter_by(&self, rule: &'static Rule) -> Result<RowFilter, Refusal> {
        rule.check_scope(self)?;
        Ok(RowFilter::of(self, &[rule]))
    }
}

impl Rule {
    /// What the caller reaches by this rule; nothing without a scope of it.
    fn term(&self, caller: &Caller) -> Option<FilterTerm> {
        let holds = |scope| caller.scope().contains(scope);
        let user = caller.user_id().is_some();
        let place = |relation| self.relations().iter().position(|known| *known == relation);
        let held = |places: &[Option<usize>]| {
            RelationSet::of((0..self.relations().len()).map(|place| places.contains(&Some(place))))
        };
        let related: Vec<Option<usize>> = self
            .who
            .relations()
            .filter(|(relation, scope)| holds(*scope) && (user || !relation.is_personal()))
            .map(|(relation, _)| place(relation))
            .collect();
        // A state that the kind of record does not have is never reached.
        let state = match self.who.state() {
            Some(state) => Some(place(state)?),
            None => None,
        };
        let term = FilterTerm {
            everyone: self.reaches_everyone(caller),
            own: user && self.who.owner_scope().is_some_and(holds),
            related: held(&related),
            only_while: held(&[state]),
        };
        (term.everyone || term.own || term.related != RelationSet::NONE).then_some(term)
    }
}
