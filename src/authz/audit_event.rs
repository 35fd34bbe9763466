//! Audit event: an entry for the audit trail.

use super::action::Action;
use super::{Allowed, Caller, Reach, Reason, Refusal, Resource};
use crate::domain::{ClientId, Origin, UserId};

/// Action that was performed or refused. The transaction of a change also stores its event.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// Actor.
    pub by: Actor,
    /// Name of the action.
    pub action: &'static str,
    /// Kind of record.
    pub resource: &'static str,
    /// Id of the record, if there is one.
    pub record: Option<String>,
    /// Owner of the record, if known.
    pub owner: Option<UserId>,
    /// Outcome.
    pub outcome: Outcome,
}

/// Party that performed or tried an action.
#[derive(Clone, Debug)]
pub enum Actor {
    /// Caller with an acceptable token.
    Caller(Caller),
    /// Request without an acceptable token, for example a login: its origin and its client, if any.
    Anonymous(Origin, Option<ClientId>),
    /// The server itself.
    Server,
}

impl Actor {
    /// Returns the actor of a request: the caller, if it has an acceptable token.
    pub(crate) fn of_request(caller: Option<Caller>, origin: Origin) -> Self {
        caller.map_or(Self::Anonymous(origin, None), Self::Caller)
    }

    /// Returns the caller, if the request has an acceptable token.
    pub fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Caller(caller) => Some(caller),
            Self::Anonymous(..) | Self::Server => None,
        }
    }

    /// Returns the origin of the request, if there is one.
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Caller(caller) => Some(caller.origin()),
            Self::Anonymous(origin, _) => Some(origin),
            Self::Server => None,
        }
    }

    /// Returns the client that sent the request, if known.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Caller(caller) => caller.token().client_id.as_deref(),
            Self::Anonymous(_, client) => client.as_ref().map(ClientId::as_str),
            Self::Server => None,
        }
    }
}

/// Outcome of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The action was performed.
    Done,
    /// The action was refused.
    Refused(Reason),
    /// The token was not acceptable, for this reason.
    NotAcceptable(&'static str),
    /// The password was wrong.
    WrongPassword,
    /// The last exchange of a refresh token was repeated, before its successor was used.
    Repeated,
    /// A code or a refresh token was used a second time. This ended the tokens issued from it.
    Reused,
    /// Number of entries that were removed from the trail because of their age.
    Removed(i64),
    /// Number of old entries whose personal members were sealed.
    Resealed(i64),
    /// Number of events that were not stored one by one, because there were too many at once.
    Overflow(i64),
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
    /// Returns the event for the creation of a record.
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

    /// Returns the event for a look at a collection.
    pub(crate) fn listed<R: Resource, A: Action>(reach: &Reach<R, A>) -> Self {
        Self {
            by: Actor::Caller(reach.by().clone()),
            action: A::NAME,
            resource: R::NAME,
            record: None,
            owner: None,
            outcome: Outcome::Done,
        }
    }

    /// Returns the event for a refusal.
    pub fn refused(refusal: &Refusal, origin: Origin) -> Self {
        Self {
            by: Actor::of_request(refusal.by.clone(), origin),
            action: refusal.rule.action,
            resource: refusal.rule.resource,
            record: refusal.record.as_deref().map(str::to_owned),
            owner: refusal.owner,
            outcome: Outcome::Refused(refusal.reason),
        }
    }

    /// Returns the event for a token that lost its effect after the decision.
    pub(crate) fn revoked(by: &Caller) -> Self {
        Self {
            by: Actor::Caller(by.clone()),
            action: "authenticate",
            resource: "token",
            record: None,
            owner: None,
            outcome: Outcome::NotAcceptable("revoked"),
        }
    }

    /// Returns the event for a token that is not acceptable. It contains nothing of that token.
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
