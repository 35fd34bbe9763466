//! The decision on one record. A check that returns `()` can be skipped; a check that returns the
//! only key cannot.

use std::marker::PhantomData;
use std::ops::Deref;

use super::action::{Action, Create, Read};
use super::sealed::Found;
use super::{
    Caller, Can, Reach, Reason, RecordAttributes, Refusal, RelationSet, Resource, Rule, Sealed, Step,
};
use crate::domain::{Role, UserId};

/// Proof that the caller may do `A` to this record. It dereferences to the record.
///
/// ```
/// use cloakroom::{authz::{Allowed, action::Read}, domain::User};
/// fn address(user: &Allowed<User, Read>) -> String { user.email.to_string() }
/// ```
#[must_use = "a proof must be used"]
pub struct Allowed<R: Resource, A> {
    found: Found<R>,
    by: Caller,
    rule: &'static Rule,
    action: PhantomData<A>,
}

impl Caller {
    /// Decides whether the caller may do `A` to this record.
    ///
    /// # Errors
    /// In this order: the scope, the freshness, the owner, the existence, the state, the rank. A
    /// record that the caller may not read is [`Reason::NotFound`], the same as a record that does not
    /// exist; only a missing scope, a stale authentication and a missing power are told apart.
    pub fn open<R, A>(&self, sealed: Sealed<R>) -> Result<Allowed<R, A>, Refusal>
    where
        R: Can<A> + Can<Read>,
        A: Action,
    {
        let rule = Rule::of::<R, A>();
        rule.check_token(self)?;
        let read = Rule::of::<R, Read>();
        let found = sealed.into_found().ok_or_else(|| rule.refuse(self, Reason::NotFound))?;
        match rule.visible_reason(read, self, found.attributes()) {
            None => Ok(Allowed { found, by: self.clone(), rule, action: PhantomData }),
            // The missing powers tell of the owner's roles, so that only a reader of the record learns them.
            Some(Reason::AboveCaller) if read.permits(self, found.attributes()) => {
                Err(rule.refuse_rank(self, &found))
            }
            Some(reason) => Err(rule.refuse(self, reason)),
        }
    }
}

impl<R: Resource> Reach<R, Create> {
    /// Returns the proof that the caller may create this record: one of their own, or any record if
    /// the policy permits `anyone`.
    ///
    /// # Errors
    /// [`Reason::NotOwner`], [`Reason::AboveCaller`].
    pub fn make(self, record: R) -> Result<Allowed<R, Create>, Refusal> {
        let (rule, found) = (self.rule(), Found::new(record, RelationSet::NONE));
        rule.check(Step::Owner, self.by(), found.attributes())?;
        if !fault!(client_above_created) {
            rule.check(Step::Rank, self.by(), found.attributes())?;
        }
        Ok(Allowed { found, by: self.into_caller(), rule, action: PhantomData })
    }
}

impl<R: Resource, A> Allowed<R, A> {
    /// Returns the permitted caller.
    pub fn by(&self) -> &Caller {
        &self.by
    }

    /// Returns the rule that permits the caller.
    pub fn rule(&self) -> &'static Rule {
        self.rule
    }

    /// Returns the relations of the record to the caller.
    pub fn relations(&self) -> RelationSet {
        self.found.relations
    }

    /// Returns the record.
    pub fn into_record(self) -> R {
        self.found.record
    }

    /// True when the caller owns the record.
    pub fn is_own(&self) -> bool {
        self.by.user_id().is_some() && self.by.user_id() == self.found.record.owner()
    }

    /// Returns the owner of the record and the owner's roles, if the decision read them beside the record.
    pub(crate) fn compared_owner(&self) -> Option<(UserId, &[Role])> {
        Some((self.found.record.owner()?, self.found.owner_roles.as_deref()?))
    }

    /// True when the caller reads a record of another.
    pub(crate) fn is_look(&self) -> bool
    where
        A: Action,
    {
        !A::CHANGES && self.rule.is_of_another(&self.by, self.found.attributes())
    }

    /// Returns the refusal by another rule, on this record. None if that rule permits the caller too.
    pub(crate) fn refusal_by(&self, rule: &'static Rule) -> Option<Refusal> {
        let step = rule.failed_step(&self.by, self.found.attributes())?;
        Some(rule.refuse(&self.by, step.reason()).on(self.found.record.id(), self.found.record.owner()))
    }

    /// Returns the members of the record that the caller may not write, each with the refusal.
    pub(crate) fn read_only_members(&self) -> impl Iterator<Item = (&'static str, Refusal)> {
        read_only_members::<R>(|rule| self.refusal_by(rule))
    }

    /// Applies a change to the record and keeps the decision.
    pub(crate) fn changed(mut self, change: impl FnOnce(&mut R)) -> Self {
        change(&mut self.found.record);
        self
    }

    /// Replaces the record and its relations by their present state and keeps the decision.
    pub(crate) fn now(self, (record, relations): (R, RelationSet)) -> Self {
        Self { found: Found { record, relations, ..self.found }, ..self }
    }

    /// Returns the record, the caller, and the relations between them.
    pub(crate) fn into_parts(self) -> (R, Caller, RelationSet) {
        (self.found.record, self.by, self.found.relations)
    }
}

impl<R: Resource, A> Reach<R, A> {
    /// Returns the members of a new record of the caller's own that the caller may not write, each with the refusal.
    pub(crate) fn read_only_members(&self) -> impl Iterator<Item = (&'static str, Refusal)> {
        let attributes = RecordAttributes { owner: self.by().user_id(), ..RecordAttributes::UNKNOWN };
        read_only_members::<R>(move |rule| {
            let step = rule.failed_step(self.by(), attributes)?;
            Some(rule.refuse(self.by(), step.reason()))
        })
    }
}

fn read_only_members<R: Resource>(
    refusal: impl Fn(&'static Rule) -> Option<Refusal>,
) -> impl Iterator<Item = (&'static str, Refusal)> {
    let members = R::MEMBERS.iter().filter(|_| !fault!(member_written_by_all));
    members.filter_map(move |member| Some((member.name(), refusal(member.write_rule()?)?)))
}

impl<R: Resource, A> Deref for Allowed<R, A> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.found.record
    }
}
