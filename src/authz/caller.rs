//! Who is calling. A [`Caller`] is made by the token verifier alone.

use std::sync::Arc;

use super::policy::{granted_by, powers_of};
use super::scope::ScopeSet;
use crate::domain::{Role, SessionId, UserId};

/// Whom the access token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A person; `sub` is a user id.
    User {
        /// The user.
        id: UserId,
        /// Their roles, as they are now: a change of them ends the token.
        roles: Vec<Role>,
    },
    /// A client acting for itself: `sub` equals `client_id`. It owns no user's record, whatever
    /// its id looks like.
    Client {
        /// `client_id`.
        id: String,
    },
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::User { id, .. } => write!(f, "user {id}"),
            Subject::Client { id } => write!(f, "client {}", id.escape_debug()),
        }
    }
}

/// Somebody who presented an acceptable access token. Cheap to clone: every proof carries one.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    subject: Subject,
    scope: ScopeSet,
    powers: ScopeSet,
    session: Option<SessionId>,
}

impl Caller {
    /// The caller that a verified token speaks for.
    pub(crate) fn verified(subject: Subject, scope: ScopeSet, session: Option<SessionId>) -> Self {
        Self::new(subject, scope, session)
    }

    fn new(subject: Subject, scope: ScopeSet, session: Option<SessionId>) -> Self {
        let powers = match &subject {
            Subject::User { roles, .. } => powers_of(roles),
            Subject::Client { .. } => scope.powers(),
        };
        Self(Arc::new(Facts { subject, scope, powers, session }))
    }

    /// Whom the token speaks for.
    pub fn subject(&self) -> &Subject {
        &self.0.subject
    }

    /// The user, when it speaks for one.
    pub fn user_id(&self) -> Option<UserId> {
        match self.0.subject {
            Subject::User { id, .. } => Some(id),
            Subject::Client { .. } => None,
        }
    }

    /// What the token allows.
    pub fn scope(&self) -> &ScopeSet {
        &self.0.scope
    }

    /// The power over others that the caller has: a user's by their roles, whatever part of it
    /// this token carries; a client's by its token.
    pub fn powers(&self) -> &ScopeSet {
        &self.0.powers
    }

    /// The session that the token was issued in.
    pub fn session(&self) -> Option<SessionId> {
        self.0.session
    }
}

/// The person at the server's command line, who has the database and therefore everything. Made
/// by the command line alone.
#[derive(Debug)]
pub struct Operator(Caller);

impl Operator {
    /// The operator.
    pub(crate) fn at_the_command_line() -> Self {
        let subject = Subject::Client { id: "operator".to_owned() };
        Self(Caller::new(subject, granted_by(&[Role::Admin]), None))
    }
}

impl std::ops::Deref for Operator {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}
