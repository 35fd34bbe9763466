//! What the audit trail keeps: who did, or was refused, what, on whose record, from where.

use super::action::Action;
use super::caller::Caller;
use super::decision::{Allowed, Reach};
use super::resource::{OwnerFrom, Resource};
use super::rule::{Reason, Refusal};
use crate::domain::{ClientId, Origin, UserId};

/// Something that was done, or refused. A deed is written down in the transaction that does it.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// Who did it, or tried to.
    pub by: Actor,
    /// The action's name.
    pub action: &'static str,
    /// The kind of record.
    pub resource: &'static str,
    /// The record's id, where there is one.
    pub record: Option<String>,
    /// Whose record it is, where that is known.
    pub owner: Option<UserId>,
    /// Whether it was done.
    pub outcome: Outcome,
}

/// Who did something, or tried to.
#[derive(Clone, Debug)]
pub enum Actor {
    /// Somebody with an acceptable token.
    Caller(Caller),
    /// Somebody without one, as at a login: where they were, and the client that they used, if any.
    Anonymous(Origin, Option<ClientId>),
    /// The server itself.
    Server,
}

impl Actor {
    /// Whoever is there, with an acceptable token or without.
    pub(crate) fn of_request(caller: Option<Caller>, origin: Origin) -> Self {
        caller.map_or(Self::Anonymous(origin, None), Self::Caller)
    }

    /// Who calls, with an acceptable token.
    pub fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Caller(caller) => Some(caller),
            Self::Anonymous(..) | Self::Server => None,
        }
    }

    /// Where the request came from, if it was one.
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Caller(caller) => Some(caller.origin()),
            Self::Anonymous(origin, _) => Some(origin),
            Self::Server => None,
        }
    }

    /// The client through which it came.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Caller(caller) => caller.token().client_id.as_deref(),
            Self::Anonymous(_, client) => client.as_ref().map(ClientId::as_str),
            Self::Server => None,
        }
    }
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused at this step of the decision.
    Refused(Reason),
    /// The token was not acceptable, for this reason.
    NotAcceptable(&'static str),
    /// The password was wrong.
    WrongPassword,
    /// A code or a refresh token was used a second time, which ended what hung on it.
    Reused,
    /// So many lines of the trail were removed, because they were old.
    Removed(i64),
    /// So many events were not written down one by one: there were too many at once.
    Overflow(i64),
}

/// The trail as a whole, which somebody may read; its lines are records of nobody's.
#[derive(Debug)]
pub enum AuditTrail {}

impl Resource for AuditTrail {
    type Id = String;
    const NAME: &'static str = "audit_trail";
    const OWNER: OwnerFrom = OwnerFrom::Nobody;

    fn id(&self) -> String {
        match *self {}
    }

    fn owner(&self) -> Option<UserId> {
        match *self {}
    }
}

impl<R: Resource, A: Action> From<&Allowed<R, A>> for AuditEvent {
    fn from(allowed: &Allowed<R, A>) -> Self {
        Self {
            by: Actor::Caller(allowed.by().clone()),
            action: A::NAME,
            resource: R::NAME,
            record: Some(allowed.id().to_string()),
            owner: allowed.owner(),
            outcome: Outcome::Done,
        }
    }
}

impl AuditEvent {
    /// That somebody made a record.
    pub(crate) fn created<R: Resource, A: Action>(reach: &Reach<R, A>, record: impl ToString) -> Self {
        Self {
            by: Actor::Caller(reach.by().clone()),
            action: A::NAME,
            resource: R::NAME,
            record: Some(record.to_string()),
            owner: None,
            outcome: Outcome::Done,
        }
    }

    /// That somebody was refused, there.
    pub fn refused(refusal: &Refusal, origin: Origin) -> Self {
        Self {
            by: Actor::of_request(refusal.by.clone(), origin),
            action: refusal.rule.action,
            resource: refusal.rule.resource,
            record: refusal.record.clone(),
            owner: refusal.owner,
            outcome: Outcome::Refused(refusal.reason),
        }
    }

    /// That somebody came with a token that is not acceptable. Nothing of what it says is believed.
    pub fn not_acceptable(reason: &'static str, origin: Origin) -> Self {
        Self {
            by: Actor::Anonymous(origin, None),
            action: "authenticate",
            resource: "token",
            record: None,
            owner: None,
            outcome: Outcome::NotAcceptable(reason),
        }
    }
}
