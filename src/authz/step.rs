//! The steps of a decision, and the reason for a refusal at each.

use std::fmt;

use serde::Serialize;

/// Step of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Does the token carry a scope of the rule?
    Scope,
    /// Did the caller's user authenticate recently enough?
    Freshness,
    /// Does a clause of the rule hold for this caller and this record?
    Owner,
    /// Is the record in the state that the rule requires?
    State,
    /// On another user's record: does the caller have every power that the record has?
    Rank,
}

impl Step {
    /// Every step, in the order of evaluation.
    pub const ALL: [Step; 5] = [Step::Scope, Step::Freshness, Step::Owner, Step::State, Step::Rank];

    /// Returns the reason for a refusal at this step.
    pub fn reason(self) -> Reason {
        match self {
            Step::Scope => Reason::InsufficientScope,
            Step::Freshness => Reason::Stale,
            Step::Owner => Reason::NotOwner,
            Step::State => Reason::WrongState,
            Step::Rank => Reason::AboveCaller,
        }
    }
}

/// Reason for a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The token carries none of the rule's scopes.
    InsufficientScope,
    /// The caller's user authenticated too long ago (RFC 9470).
    Stale,
    /// The caller does not own the record, and no other clause of the rule holds.
    NotOwner,
    /// The record does not exist, or the caller must not learn that it exists.
    NotFound,
    /// The record's state does not permit the action.
    WrongState,
    /// The action would need, or would grant, a power that the caller does not have.
    AboveCaller,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 6] = [
        Reason::InsufficientScope,
        Reason::Stale,
        Reason::NotOwner,
        Reason::NotFound,
        Reason::WrongState,
        Reason::AboveCaller,
    ];

    /// Returns the name in problem documents and in the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::InsufficientScope => "insufficient-scope",
            Reason::Stale => "insufficient-user-authentication",
            Reason::NotOwner => "not-owner",
            Reason::NotFound => "not-found",
            Reason::WrongState => "wrong-state",
            Reason::AboveCaller => "above-caller",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::InsufficientScope => "the token lacks the scope",
            Reason::Stale => "the user authenticated too long ago",
            Reason::NotOwner => "the caller is not the owner",
            Reason::NotFound => "the record was not found",
            Reason::WrongState => "the record is in the wrong state",
            Reason::AboveCaller => "the record has powers that the caller lacks",
        })
    }
}
