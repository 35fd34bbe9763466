//! Decisions as types. A check that returns `()` can be skipped; one that returns the only key
//! cannot.

use std::marker::PhantomData;
use std::ops::Deref;

use super::action::{Action, Create, SetRoles};
use super::caller::Caller;
use super::policy::powers_of;
use super::rule::{Can, OwnerFrom, Reason, Refusal, Rule};
use super::scope::{ROLES_WRITE, Scope};
use crate::domain::{Role, User, UserId};

/// A record as the store hands it out, found or not: it can be carried, not read.
#[must_use = "a sealed record is of no use until a caller opens it"]
pub struct Sealed<R>(Option<R>);

impl<R> Sealed<R> {
    /// Seals what was looked up.
    pub(crate) fn new(found: Option<R>) -> Self {
        Self(found)
    }

    /// Opens it without asking anybody, to measure what asking costs.
    #[cfg(feature = "bench-limits")]
    pub(crate) fn open_unchecked(self) -> Option<R> {
        self.0
    }
}

/// The caller may do `A` to this very record.
#[must_use = "a decision is made to be acted upon"]
pub struct Allowed<R, A> {
    record: R,
    by: Caller,
    rule: &'static Rule,
    action: PhantomData<A>,
}

impl<R, A> Allowed<R, A> {
    /// Who is allowed.
    pub fn by(&self) -> &Caller {
        &self.by
    }

    /// The rule by which.
    pub fn rule(&self) -> &'static Rule {
        self.rule
    }

    /// Whether the token reaches everyone's records of the kind, and not the caller's own alone.
    pub fn reaches_everyone(&self) -> bool {
        self.by.scope().contains(self.rule.any)
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
}

impl<R, A> Deref for Allowed<R, A> {
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
    pub fn grant(&self, roles: Vec<Role>) -> Result<Grant, Refusal> {
        Grant::by(&self.by, self.rule, roles)
    }
}

/// A collection that the caller may do `A` to: everyone's records, or one owner's.
#[must_use = "a decision is made to be acted upon"]
pub struct Reach<R, A> {
    by: Caller,
    rule: &'static Rule,
    kind: PhantomData<(R, A)>,
}

impl<R, A> Reach<R, A> {
    /// Who is allowed.
    pub fn by(&self) -> &Caller {
        &self.by
    }

    /// Whose records alone are within reach; `None`: everyone's.
    pub fn owner(&self) -> Option<UserId> {
        if self.by.scope().contains(self.rule.any) { None } else { self.by.user_id() }
    }
}

/// Somebody may make an account: anybody while registration is open, otherwise who has the scope.
#[must_use = "a decision is made to be acted upon"]
pub enum Registration {
    /// Registration is open; the caller, if any, has no scope to create accounts for others.
    Open(Option<Caller>),
    /// The caller may create accounts for others.
    Entitled(Reach<User, Create>),
}

impl Registration {
    /// What a caller, or nobody, may do when anybody may register.
    pub(crate) fn open_to(caller: Option<Caller>) -> Self {
        match caller.as_ref().map(Caller::reach::<User, Create>) {
            Some(Ok(entitled)) => Self::Entitled(entitled),
            _ => Self::Open(caller),
        }
    }

    /// Who is calling, if anybody is.
    pub fn by(&self) -> Option<&Caller> {
        match self {
            Self::Open(caller) => caller.as_ref(),
            Self::Entitled(reach) => Some(reach.by()),
        }
    }

    /// Whether the caller may say which roles and which status the new user has.
    pub fn may_grant(&self) -> bool {
        matches!(self, Self::Entitled(reach) if reach.by().holds(ROLES_WRITE))
    }

    /// The proof that the new user may have these roles; `user` alone when none are named.
    ///
    /// # Errors
    /// [`Reason::AboveCaller`] when a role gives a power that the caller does not have, and
    /// [`Reason::InsufficientScope`] when the caller may not name roles at all.
    pub fn grant(&self, roles: Option<Vec<Role>>) -> Result<Grant, Refusal> {
        let Some(roles) = roles else {
            return Ok(Grant(vec![Role::User]));
        };
        let rule = Rule::of::<User, Create>();
        match self {
            Self::Entitled(reach) if self.may_grant() => Grant::by(reach.by(), rule, roles),
            _ => {
                let by = self.by().map(|caller| caller.subject().clone());
                Err(Refusal { by, rule, reason: Reason::InsufficientScope(ROLES_WRITE) })
            }
        }
    }
}

/// Roles that somebody was entitled to give.
#[derive(Debug)]
#[must_use = "roles are granted in order to be given"]
pub struct Grant(Vec<Role>);

impl Grant {
    fn by(caller: &Caller, rule: &'static Rule, mut roles: Vec<Role>) -> Result<Self, Refusal> {
        if !powers_of(&roles).is_subset(caller.powers()) {
            return Err(rule.refuse(caller, Reason::AboveCaller));
        }
        roles.sort();
        roles.dedup();
        Ok(Self(roles))
    }

    /// The roles, sorted, each once.
    pub fn roles(&self) -> &[Role] {
        &self.0
    }
}

impl Caller {
    /// May the caller do `A` to records of this kind at all? Asked before any lookup.
    ///
    /// # Errors
    /// [`Reason::InsufficientScope`]; for a client that reaches only its own records,
    /// [`Reason::NotOwner`] is left to [`Caller::open`].
    pub fn reach<R: Can<A>, A: Action>(&self) -> Result<Reach<R, A>, Refusal> {
        let rule = Rule::of::<R, A>();
        rule.check_scope(self)?;
        Ok(Reach { by: self.clone(), rule, kind: PhantomData })
    }

    /// May the caller do `A` to this very record?
    ///
    /// # Errors
    /// By the order of the contract: the scope, the owner, whether it is there, the rank. Where
    /// the owner is known from the record alone, a record of somebody else's is
    /// [`Reason::NotFound`], exactly as one that is not there.
    pub fn open<R: Can<A>, A: Action>(&self, sealed: Sealed<R>) -> Result<Allowed<R, A>, Refusal> {
        let rule = Rule::of::<R, A>();
        rule.check_scope(self)?;
        let hidden = || rule.refuse(self, Reason::NotFound);
        let record = sealed.0.ok_or_else(hidden)?;
        rule.check_owner(self, record.owner()).map_err(|_| hidden())?;
        rule.check_rank(self, record.owner(), || record.powers())?;
        Ok(Allowed { record, by: self.clone(), rule, action: PhantomData })
    }

    /// Whether the caller may do `A` to the record, for `_actions`; it opens nothing.
    pub fn may<R: Can<A>, A: Action>(&self, record: &R) -> bool {
        let rule = Rule::of::<R, A>();
        rule.check_scope(self).is_ok()
            && rule.check_owner(self, record.owner()).is_ok()
            && rule.check_rank(self, record.owner(), || record.powers()).is_ok()
    }

    /// Whether the caller may do `A` to the record that this id names, as far as the id alone says.
    pub fn may_by_id<R: Can<A>, A: Action>(&self, id: &R::Id) -> bool {
        self.reach::<R, A>().and_then(|reach| reach.admit(id)).is_ok()
    }

    /// Whether the token carries the scope.
    pub fn holds(&self, scope: Scope) -> bool {
        self.scope().contains(scope)
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
            Some(owner) => self.rule.check_owner(&self.by, Some(owner)),
            None => Ok(()),
        }
    }

    /// The refusal of an id that names no record of the kind: the same as for an id that could.
    pub fn no_such_record(&self) -> Refusal {
        match self.rule.check_owner(&self.by, None) {
            Err(refusal) if self.rule.owner == OwnerFrom::Url => refusal,
            _ => self.rule.refuse(&self.by, Reason::NotFound),
        }
    }

    /// The refusal of "my own record" to a caller who has none: a client.
    pub fn no_own_record(&self) -> Refusal {
        self.rule.refuse(&self.by, Reason::NotOwner)
    }
}
