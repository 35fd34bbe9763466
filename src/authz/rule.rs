//! A rule, the refusal that names it, and the one function that decides.

use std::fmt;

use super::action::Action;
use super::caller::{Caller, Subject};
use super::scope::{Scope, ScopeSet};
use crate::domain::UserId;

/// A kind of record that somebody may own.
pub trait Resource: Sized + 'static {
    /// What names one record; parsed from the URL.
    type Id: Clone + Send + 'static;

    /// The name by which the matrix and the log know the kind.
    const NAME: &'static str;

    /// Where the owner is read from. With [`OwnerFrom::Url`], [`Resource::owner_by_id`] must say.
    const OWNER: OwnerFrom;

    /// Whose record this is.
    fn owner(&self) -> Option<UserId>;

    /// Whose record the id names, where the id alone says so: the refusal then comes before any
    /// lookup, the same for an id that exists and one that does not.
    fn owner_by_id(_: &Self::Id) -> Option<UserId> {
        None
    }

    /// The power over others that the record's owner has, where it is known.
    fn powers(&self) -> ScopeSet {
        ScopeSet::default()
    }
}

/// A line of the policy: what action `A` takes on this kind of record.
#[diagnostic::on_unimplemented(
    message = "no policy says who may `{A}` a `{Self}`",
    label = "this action has no line in the policy",
    note = "write one in `authz/policy.rs`: `{Self} {A}: Some(<scope for one's own>), <scope for anyone's>;`"
)]
pub trait Can<A: Action>: Resource {
    /// The scope that reaches the caller's own record; none where owning it is not enough.
    const OWN: Option<Scope>;
    /// The scope that reaches everyone's.
    const ANY: Scope;
    /// Whether, on somebody else's record, the caller must have every power that its owner has.
    const RANKED: bool = false;
}

/// Where the owner of the record is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnerFrom {
    /// From the URL: a refusal comes before any lookup.
    Url,
    /// From the record: a record of somebody else's answers like one that is not there.
    Record,
    /// Nobody owns records of the kind.
    Nobody,
}

/// A line of the policy as a value, for the matrix, the log and the OpenAPI document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The kind of record.
    pub resource: &'static str,
    /// What is done to it.
    pub action: &'static str,
    /// The scope that reaches one's own.
    pub own: Option<Scope>,
    /// The scope that reaches everyone's.
    pub any: Scope,
    /// Where the owner is read from.
    pub owner: OwnerFrom,
    /// Whether the caller must have every power that the record's owner has.
    pub ranked: bool,
}

impl Rule {
    /// The rule for `A` on `R`.
    pub fn of<R: Can<A>, A: Action>() -> &'static Self {
        const {
            &Self {
                resource: R::NAME,
                action: A::NAME,
                own: R::OWN,
                any: R::ANY,
                owner: R::OWNER,
                ranked: R::RANKED,
            }
        }
    }

    /// The weakest scope that could satisfy it.
    pub fn weakest_scope(&self) -> Scope {
        self.own.unwrap_or(self.any)
    }

    /// The first step, from the route alone: does the token carry a scope for this at all?
    pub(super) fn check_scope(&'static self, caller: &Caller) -> Result<(), Refusal> {
        let held = |scope| caller.scope().contains(scope);
        if held(self.any) || self.own.is_some_and(held) {
            return Ok(());
        }
        Err(self.refuse(caller, Reason::InsufficientScope(self.weakest_scope())))
    }

    /// The second step: may the caller reach the records of `owner`?
    pub(super) fn check_owner(&'static self, caller: &Caller, owner: Option<UserId>) -> Result<(), Refusal> {
        if caller.scope().contains(self.any) {
            return Ok(());
        }
        match (caller.subject(), owner) {
            (Subject::User { id, .. }, Some(owner)) if *id == owner => Ok(()),
            _ => Err(self.refuse(caller, Reason::NotOwner)),
        }
    }

    /// The third step: on somebody else's record, is the caller above its owner or level with them?
    pub(super) fn check_rank(
        &'static self,
        caller: &Caller,
        owner: Option<UserId>,
        powers: impl FnOnce() -> ScopeSet,
    ) -> Result<(), Refusal> {
        let own = owner.is_some() && caller.user_id() == owner;
        if !self.ranked || own || powers().is_subset(caller.powers()) {
            return Ok(());
        }
        Err(self.refuse(caller, Reason::AboveCaller))
    }

    /// The refusal of this caller at this step.
    pub(super) fn refuse(&'static self, caller: &Caller, reason: Reason) -> Refusal {
        Refusal { by: Some(caller.subject().clone()), rule: self, reason }
    }
}

/// Why a request was refused: the rule and the step that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who was refused; nobody in particular when no token was sent.
    pub by: Option<Subject>,
    /// The rule that was applied.
    pub rule: &'static Rule,
    /// The step that decided.
    pub reason: Reason,
}

/// The step that decided against the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The token carries none of the rule's scopes; this would have been the weakest.
    InsufficientScope(Scope),
    /// The record is not the caller's, and the token reaches only the caller's own.
    NotOwner,
    /// The record is not there, or must not be known to be there.
    NotFound,
    /// The caller would act on, or grant, power that they do not have.
    AboveCaller,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::InsufficientScope(scope) => {
                write!(f, "the token has no scope for it, {scope} at the least")
            }
            Reason::NotOwner => f.write_str("not the owner"),
            Reason::NotFound => f.write_str("not there"),
            Reason::AboveCaller => f.write_str("above the caller"),
        }
    }
}
