//! Decisions as types. A check that returns `()` can be skipped; one that returns the only key
//! cannot.

use std::marker::PhantomData;
use std::ops::Deref;

use super::action::{Action, Create, Explain, List, Read, SetRoles};
use super::audit_event::AuditTrail;
use super::caller::Caller;
use super::explain::Explanation;
use super::relation::RelationSet;
use super::resource::Resource;
use super::role_grant::RoleGrant;
use super::row_filter::RowFilter;
use super::rule::{Reason, RecordAttributes, Refusal, Rule};
use super::who::Can;
use crate::domain::{Role, User, UserId};

/// A record as the store hands it out, found or not: it can be carried, not read.
#[must_use = "a sealed record is of no use until a caller opens it"]
pub struct Sealed<R: Resource>(Option<(R, RelationSet)>);

impl<R: Resource> Sealed<R> {
    /// Seals what was looked up, of a kind that has no relations.
    pub(crate) fn new(found: Option<R>) -> Self {
        Self(found.map(|record| (record, RelationSet::NONE)))
    }

    /// Seals what was looked up, with the relations that the record has to the caller.
    pub(crate) fn with_relations(found: Option<(R, RelationSet)>) -> Self {
        Self(found)
    }

    /// Nothing.
    pub(crate) fn nothing() -> Self {
        Self(None)
    }

    /// What was found, to be explained.
    pub(super) fn into_found(self) -> Option<(R, RelationSet)> {
        self.0
    }

    /// Opens it without asking anybody, to measure what asking costs.
    #[cfg(feature = "bench-limits")]
    pub(crate) fn open_unchecked(self) -> Option<R> {
        self.0.map(|(record, _)| record)
    }
}

/// The caller may do `A` to this very record. It reads as the record itself.
///
/// ```
/// use cloakroom::{authz::{Allowed, action::Read}, domain::User};
/// fn address(user: &Allowed<User, Read>) -> String { user.email.to_string() }
/// ```
#[must_use = "a decision is made to be acted upon"]
pub struct Allowed<R: Resource, A> {
    record: R,
    held: RelationSet,
    by: Caller,
    rule: &'static Rule,
    action: PhantomData<A>,
}

impl<R: Resource, A> Allowed<R, A> {
    /// Who is allowed.
    pub fn by(&self) -> &Caller {
        &self.by
    }

    /// The rule by which.
    pub fn rule(&self) -> &'static Rule {
        self.rule
    }

    /// The relations that the record has to the caller.
    pub fn held(&self) -> RelationSet {
        self.held
    }

    /// The record itself.
    pub fn into_record(self) -> R {
        self.record
    }

    /// The same decision about the record as the change left it.
    pub(crate) fn changed(self, change: impl FnOnce(&mut R)) -> Self {
        let mut allowed = self;
        change(&mut allowed.record);
        allowed
    }

    /// The same decision about the record as it is now, with the relations that it has by now.
    pub(crate) fn now(self, (record, held): (R, RelationSet)) -> Self {
        Self { record, held, ..self }
    }

    /// The record, who may and what it is to them.
    pub(crate) fn into_parts(self) -> (R, Caller, RelationSet) {
        (self.record, self.by, self.held)
    }
}

impl<R: Resource, A> Allowed<R, A> {
    /// Whether another rule lets the caller too, on this record.
    pub(crate) fn permits(&self, rule: &'static Rule) -> bool {
        rule.permits(&self.by, RecordAttributes::of(&self.record, self.held))
    }

    /// Whether the caller owns the record.
    pub fn is_own(&self) -> bool {
        self.by.user_id().is_some() && self.by.user_id() == self.record.owner()
    }
}

impl<R: Resource, A> Deref for Allowed<R, A> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.record
    }
}

impl Allowed<User, SetRoles> {
    /// The proof that the caller may give these roles.
    ///
    /// # Errors
    /// [`Reason::AboveCaller`] when a role gives a power that the caller does not have.
    pub fn grant(&self, roles: Vec<Role>) -> Result<RoleGrant, Refusal> {
        RoleGrant::by(&self.by, self.rule, roles).map_err(|refusal| refusal.on(self.id, Some(self.id)))
    }
}

/// A collection that the caller may do `A` to: the records within its [`RowFilter`].
///
/// ```
/// use cloakroom::{authz::{Reach, action::List}, domain::User};
/// fn is_for_everyone(reach: &Reach<User, List>) -> bool { reach.row_filter().is_unrestricted() }
/// ```
#[must_use = "a decision is made to be acted upon"]
pub struct Reach<R: Resource, A> {
    by: Caller,
    rule: &'static Rule,
    kind: PhantomData<(R, A)>,
}

impl<R: Resource, A> Reach<R, A> {
    /// Who is allowed.
    pub fn by(&self) -> &Caller {
        &self.by
    }

    /// The rule by which.
    pub fn rule(&self) -> &'static Rule {
        self.rule
    }

    /// Which records a query may return.
    pub fn row_filter(&self) -> RowFilter {
        RowFilter::of(&self.by, &[self.rule])
    }

    /// The user to whom new records of the caller's belong.
    ///
    /// # Errors
    /// [`Reason::NotOwner`] for a client, which owns nothing.
    pub fn owner(&self) -> Result<UserId, Refusal> {
        self.by.user_id().ok_or_else(|| self.rule.refuse(&self.by, Reason::NotOwner))
    }
}

impl Reach<Explanation, Explain> {
    /// Whether who asks may read the audit trail, whose lines tell of others.
    pub fn may_read_the_trail(&self) -> bool {
        self.by.reach::<AuditTrail, List>().is_ok()
    }
}

impl<R: Resource> Reach<R, Create> {
    /// The proof that the caller may make this very record: one of their own, or anybody's where
    /// the policy says `anyone`.
    ///
    /// # Errors
    /// [`Reason::NotOwner`], [`Reason::AboveCaller`].
    pub fn make(self, record: R) -> Result<Allowed<R, Create>, Refusal> {
        let facts = RecordAttributes::of(&record, RelationSet::NONE);
        self.rule.check_owner(&self.by, facts)?;
        self.rule.check_rank(&self.by, facts)?;
        Ok(Allowed { record, held: RelationSet::NONE, by: self.by, rule: self.rule, action: PhantomData })
    }
}

impl Caller {
    /// May the caller do `A` to records of this kind at all? Asked before any lookup.
    ///
    /// # Errors
    /// [`Reason::InsufficientScope`].
    pub fn reach<R: Can<A>, A: Action>(&self) -> Result<Reach<R, A>, Refusal> {
        let rule = Rule::of::<R, A>();
        rule.check_scope(self)?;
        Ok(Reach { by: self.clone(), rule, kind: PhantomData })
    }

    /// May the caller do `A` to this very record?
    ///
    /// # Errors
    /// By the order of the contract: the scope, whose it is, whether it is there, its state, the
    /// rank. Whatever stands against it, a record that the caller may not read is
    /// [`Reason::NotFound`], exactly as one that is not there.
    pub fn open<R, A>(&self, sealed: Sealed<R>) -> Result<Allowed<R, A>, Refusal>
    where
        R: Can<A> + Can<Read>,
        A: Action,
    {
        let rule = Rule::of::<R, A>();
        rule.check_scope(self)?;
        let (record, held) = sealed.0.ok_or_else(|| rule.refuse(self, Reason::NotFound))?;
        match rule.told(Rule::of::<R, Read>(), self, RecordAttributes::of(&record, held)) {
            None => Ok(Allowed { record, held, by: self.clone(), rule, action: PhantomData }),
            Some(reason) => Err(rule.refuse(self, reason)),
        }
    }
}

impl<R: Can<A>, A: Action> Reach<R, A> {
    /// Where the id alone names the owner: may the caller reach their records? Asked before the
    /// lookup, so that the answer is the same for an id that exists and one that does not.
    ///
    /// # Errors
    /// [`Reason::NotOwner`].
    pub fn admit(&self, id: &R::Id) -> Result<(), Refusal> {
        match R::owner_by_id(id) {
            Some(owner) => {
                let facts = RecordAttributes { owner: Some(owner), held: RelationSet::NONE, rank: None };
                self.rule
                    .check_owner(&self.by, facts)
                    .map_err(|refusal| Refusal { owner: Some(owner), ..refusal })
            }
            None => Ok(()),
        }
    }

    /// Is there anything at all that the caller reaches, whatever the store holds? A client has no
    /// records of its own.
    ///
    /// # Errors
    /// [`Reason::NotOwner`].
    pub fn admit_collection(&self) -> Result<(), Refusal> {
        if self.row_filter().terms().is_empty() {
            return Err(self.rule.refuse(&self.by, Reason::NotOwner));
        }
        Ok(())
    }

    /// The refusal of an id that names no record of the kind: the same as for an id that could.
    pub fn no_such_record(&self) -> Refusal {
        self.rule.refuse(&self.by, self.rule.reason_of_no_record(&self.by))
    }

    /// The refusal of "my own record" to a caller who has none: a client.
    pub fn no_own_record(&self) -> Refusal {
        self.rule.refuse(&self.by, Reason::NotOwner)
    }
}

impl<R: Can<A> + Can<Read>, A: Action> Reach<R, A> {
    /// Which records a lookup for this action may return: those within its reach, and those that
    /// the caller may read, to whom a refusal may then say why.
    pub fn lookup_filter(&self) -> RowFilter {
        RowFilter::of(&self.by, &[self.rule, Rule::of::<R, Read>()])
    }
}
