//! What a query may return: the decision in the form in which the store puts it into its SQL.

use super::caller::Caller;
use super::relation::Held;
use super::rule::{Refusal, Rule};
use crate::domain::UserId;

/// Which records of a kind a query may return to a caller: those within any of its extents.
///
/// ```
/// use cloakroom::{authz::{Reach, action::List}, domain::User, http::Problem, store::{Store, StoreError}};
/// async fn count(reach: Reach<User, List>, store: Store) -> Result<i64, Problem> {
///     let counted = store.gather(&reach, |_conn, sight| match sight.is_everything() {
///         true => Ok::<i64, StoreError>(7),
///         false => Ok(0),
///     });
///     Ok(counted.await?)
/// }
/// ```
///
/// [`stored!`](crate::stored) puts it into SQL; a query written by hand must do the same.
#[derive(Clone, Debug)]
pub struct Sight {
    caller: Option<UserId>,
    extents: Vec<Extent>,
}

/// The records that one rule lets a caller reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Everyone's; the next two then say nothing.
    pub everyone: bool,
    /// The caller's own.
    pub own: bool,
    /// Those to which one of these relations holds.
    pub related: Held,
    /// Of all of them, only those of which this holds.
    pub only_while: Held,
}

impl Sight {
    /// Everything; the relations are the caller's. For the record that a caller has just changed.
    pub(crate) fn everything(caller: &Caller) -> Self {
        let everyone = Extent { everyone: true, own: false, related: Held::NONE, only_while: Held::NONE };
        Self { caller: caller.user_id(), extents: vec![everyone] }
    }

    /// What the caller sees by any of the rules.
    pub(super) fn of(caller: &Caller, rules: &[&'static Rule]) -> Self {
        let extents = rules.iter().filter_map(|rule| rule.extent(caller)).collect();
        Self { caller: caller.user_id(), extents }
    }

    /// Nothing at all.
    #[cfg(feature = "bench-limits")]
    pub(crate) fn nothing() -> Self {
        Self { caller: None, extents: Vec::new() }
    }

    /// The user who calls; a client owns nothing and has no relations.
    pub fn caller(&self) -> Option<UserId> {
        self.caller
    }

    /// Any of these; nothing when there is none.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Whether nothing at all is hidden, so that the query needs no condition.
    pub fn is_everything(&self) -> bool {
        self.extents.iter().any(|extent| extent.everyone && extent.only_while == Held::NONE)
    }
}

impl Caller {
    /// The records of which this rule lets the caller.
    ///
    /// # Errors
    /// When the token has no scope of it at all.
    pub(crate) fn sight_by(&self, rule: &'static Rule) -> Result<Sight, Refusal> {
        rule.check_scope(self)?;
        Ok(Sight::of(self, &[rule]))
    }
}

impl Rule {
    /// What the caller reaches by this rule; nothing without a scope of it.
    fn extent(&self, caller: &Caller) -> Option<Extent> {
        let holds = |scope| caller.scope().contains(scope);
        let user = caller.user_id().is_some();
        let place = |relation| self.relations().iter().position(|known| *known == relation);
        let held = |places: &[Option<usize>]| {
            Held::of((0..self.relations().len()).map(|place| places.contains(&Some(place))))
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
        let extent = Extent {
            everyone: self.reaches_everyone(caller),
            own: user && self.who.owner_scope().is_some_and(holds),
            related: held(&related),
            only_while: held(&[state]),
        };
        (extent.everyone || extent.own || extent.related != Held::NONE).then_some(extent)
    }
}
