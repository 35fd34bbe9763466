//! Reach: the proof that a caller may perform an action on a kind of record.

use std::marker::PhantomData;

use super::action::{Action, Read};
use super::{Caller, Can, Reason, RecordAttributes, Refusal, Resource, RowFilter, Rule, Step};
use crate::domain::UserId;

/// Proof that the caller may do `A` to a kind of record: to the records within its [`RowFilter`].
///
/// ```
/// use cloakroom::{authz::{Reach, action::List}, domain::User};
/// fn lists_every_user(reach: &Reach<User, List>) -> bool { reach.row_filter().is_unrestricted() }
/// ```
#[must_use = "a proof must be used"]
pub struct Reach<R: Resource, A> {
    by: Caller,
    rule: &'static Rule,
    kind: PhantomData<(R, A)>,
}

/// How far a caller sees beyond its own records, and beyond those that are open to every caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// Not at all.
    Own,
    /// To records of others that are related to the caller.
    Related,
    /// To the records of everyone.
    Everyone,
}

impl Caller {
    /// Decides whether the caller may do `A` to records of this kind at all. Needs no lookup.
    ///
    /// # Errors
    /// [`Reason::InsufficientScope`], [`Reason::Stale`].
    pub fn reach<R: Can<A>, A: Action>(&self) -> Result<Reach<R, A>, Refusal> {
        let rule = Rule::of::<R, A>();
        rule.check_token(self)?;
        Ok(Reach { by: self.clone(), rule, kind: PhantomData })
    }
}

impl<R: Resource, A> Reach<R, A> {
    /// Returns the permitted caller.
    pub fn by(&self) -> &Caller {
        &self.by
    }

    /// Returns the rule that permits the caller.
    pub fn rule(&self) -> &'static Rule {
        self.rule
    }

    /// Returns the filter of the records that a query may return.
    pub fn row_filter(&self) -> RowFilter {
        RowFilter::of(&self.by, &[self.rule])
    }

    /// Returns the owner of new records that the caller makes.
    ///
    /// # Errors
    /// [`Reason::NotOwner`] for a client, which owns no records.
    pub fn owner(&self) -> Result<UserId, Refusal> {
        self.by.user_id().ok_or_else(|| self.no_own_record())
    }

    /// Returns the refusal of "my own record" to a client, which owns no records.
    pub fn no_own_record(&self) -> Refusal {
        self.rule.refuse(&self.by, Reason::NotOwner)
    }

    /// Returns how far the caller sees beyond its own records.
    pub(crate) fn breadth(&self) -> Breadth {
        let is_personal =
            |index: usize| self.rule.relations().get(index).is_some_and(|one| one.is_personal());
        self.row_filter().terms().iter().fold(Breadth::Own, |breadth, term| {
            let is_related =
                (0..self.rule.relations().len()).any(|one| term.related.at(one) && is_personal(one));
            match breadth {
                _ if term.everyone => Breadth::Everyone,
                Breadth::Own if is_related => Breadth::Related,
                breadth => breadth,
            }
        })
    }

    pub(super) fn into_caller(self) -> Caller {
        self.by
    }
}

impl<R: Can<A>, A: Action> Reach<R, A> {
    /// Checks, if the id alone names the owner, that the caller reaches the owner's records. Runs
    /// before the lookup, so that an id that exists and one that does not get the same answer.
    ///
    /// # Errors
    /// [`Reason::NotOwner`].
    pub fn admit(&self, id: &R::Id) -> Result<(), Refusal> {
        let owner = R::owner_by_id(id).filter(|_| !fault!(lookup_before_owner));
        owner.map_or(Ok(()), |owner| self.admit_owner(owner))
    }

    /// Checks that the caller reaches the records of this owner.
    ///
    /// # Errors
    /// [`Reason::NotOwner`].
    pub fn admit_owner(&self, owner: UserId) -> Result<(), Refusal> {
        self.rule
            .check(Step::Owner, &self.by, RecordAttributes::owned_by(owner))
            .map_err(|refusal| Refusal { owner: Some(owner), ..refusal })
    }

    /// Returns the refusal of an id that no record of this owner can have.
    pub fn no_such_record_of(&self, owner: UserId) -> Refusal {
        let refused = self.admit_owner(owner).err();
        refused.unwrap_or_else(|| self.rule.refuse(&self.by, Reason::NotFound))
    }

    /// Checks that the caller can reach any record, whatever the store holds. A client, for
    /// example, owns no records.
    ///
    /// # Errors
    /// [`Reason::NotOwner`].
    pub fn admit_collection(&self) -> Result<(), Refusal> {
        if self.row_filter().terms().is_empty() {
            return Err(self.no_own_record());
        }
        Ok(())
    }

    /// Returns the refusal of an id that no record of the kind can have. It equals the refusal of
    /// an id that a record can have.
    pub fn no_such_record(&self) -> Refusal {
        self.rule.refuse(&self.by, self.rule.reason_of_no_record(&self.by))
    }
}

impl<R: Can<A> + Can<Read>, A: Action> Reach<R, A> {
    /// Returns the filter for the lookup of one record: the records within reach of the action, and
    /// those that the caller may read. A refusal about a readable record can then state the reason.
    pub fn lookup_filter(&self) -> RowFilter {
        RowFilter::of(&self.by, &[self.rule, Rule::of::<R, Read>()])
    }
}
