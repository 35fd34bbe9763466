//! Who is calling. A [`Caller`] is made by the token verifier alone.

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::value::RawValue;

use super::resource::Ranked;
use super::roles::Vocabulary;
use super::scope::{Scope, ScopeSet};
use crate::domain::{Origin, Role, SessionId, UserId};

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
    /// The person at the server's command line; no token speaks for them.
    Operator,
}

impl Subject {
    /// As the audit trail and explanations name them: `user:<id>`, `client:<id>`, `operator`.
    pub fn actor(&self) -> String {
        match self {
            Subject::User { id, .. } => actor_of(*id),
            Subject::Client { id } => format!("client:{id}"),
            Subject::Operator => "operator".to_owned(),
        }
    }
}

/// A user, as the audit trail and explanations name them.
pub fn actor_of(user: UserId) -> String {
    format!("user:{user}")
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::User { id, .. } => write!(f, "user {id}"),
            Subject::Client { id } => write!(f, "client {}", id.escape_debug()),
            Subject::Operator => f.write_str("the operator"),
        }
    }
}

/// The token that a caller presented, as far as the audit trail names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenId {
    /// The token's own id; every token that this server issues has one.
    pub jti: Option<String>,
    /// The client that the token was issued to.
    pub client_id: Option<String>,
}

/// Somebody who presented an acceptable access token.
///
/// ```
/// # use cloakroom::http::{Authenticated, Json, Problem};
/// async fn who_am_i(caller: Authenticated) -> Result<Json<String>, Problem> {
///     Ok(Json(caller.caller().subject().to_string()))
/// }
/// ```
///
/// Cheap to clone: every proof carries one.
#[derive(Clone, Debug)]
pub struct Caller {
    inner: Arc<Inner>,
    origin: Origin,
}

#[derive(Debug)]
struct Inner {
    subject: Subject,
    scope: ScopeSet,
    powers: ScopeSet,
    session: Option<SessionId>,
    token: TokenId,
    vocabulary: Arc<Vocabulary>,
    /// What they may do to records of their own, once it was asked, by the kind of record.
    on_own: RwLock<Vec<(&'static str, Arc<RawValue>)>>,
}

impl Caller {
    /// The caller that a verified token speaks for.
    pub(crate) fn verified(
        vocabulary: Arc<Vocabulary>,
        subject: Subject,
        scope: ScopeSet,
        session: Option<SessionId>,
        token: TokenId,
    ) -> Self {
        Self::new(vocabulary, subject, scope, session, token)
    }

    /// Somebody who calls nothing: of whom it is only asked what they would be answered.
    pub(super) fn supposed(vocabulary: Arc<Vocabulary>, subject: Subject, scope: ScopeSet) -> Self {
        Self::new(vocabulary, subject, scope, None, TokenId::default())
    }

    fn new(
        vocabulary: Arc<Vocabulary>,
        subject: Subject,
        scope: ScopeSet,
        session: Option<SessionId>,
        token: TokenId,
    ) -> Self {
        let powers = match &subject {
            Subject::User { roles, .. } => vocabulary.powers_of(roles),
            Subject::Client { .. } | Subject::Operator => scope.powers(),
        };
        let inner = Inner { subject, scope, powers, session, token, vocabulary, on_own: RwLock::default() };
        Self { inner: Arc::new(inner), origin: Origin::default() }
    }

    /// The same caller, in this very request.
    pub(crate) fn calling_from(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Whom the token speaks for.
    pub fn subject(&self) -> &Subject {
        &self.inner.subject
    }

    /// The user, when it speaks for one.
    pub fn user_id(&self) -> Option<UserId> {
        match self.inner.subject {
            Subject::User { id, .. } => Some(id),
            Subject::Client { .. } | Subject::Operator => None,
        }
    }

    /// Whether it speaks for a user who has the role.
    pub fn has_role(&self, role: Role) -> bool {
        matches!(&self.inner.subject, Subject::User { roles, .. } if roles.contains(&role))
    }

    /// What the token allows.
    pub fn scope(&self) -> &ScopeSet {
        &self.inner.scope
    }

    /// Whether the token carries the scope.
    pub fn holds(&self, scope: Scope) -> bool {
        self.scope().contains(scope)
    }

    /// The power over others that the caller has: a user's by their roles, whatever part of it
    /// this token carries; a client's by its token.
    pub fn powers(&self) -> &ScopeSet {
        &self.inner.powers
    }

    /// Whether the caller has every power over others that these roles give.
    pub fn outranks(&self, roles: &[Role]) -> bool {
        self.inner.vocabulary.powers_of(roles).is_subset(self.powers())
    }

    /// Whether the caller has every power over others that the record is worth.
    pub(super) fn is_level_with(&self, record: &dyn Ranked) -> bool {
        record.powers(&self.inner.vocabulary).is_subset(self.powers())
    }

    /// The powers over others that the record is worth and the caller has not.
    pub(super) fn lacks_of(&self, record: &dyn Ranked) -> ScopeSet {
        record.powers(&self.inner.vocabulary).difference(self.powers())
    }

    /// The scopes and roles of the application.
    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.inner.vocabulary
    }

    /// What the caller may do to records of a kind that are their own and have no relation to them: it follows
    /// from the token alone, and is worked out once for it.
    pub(crate) fn on_own(
        &self,
        kind: &'static str,
        work_out: impl FnOnce() -> Option<Arc<RawValue>>,
    ) -> Option<Arc<RawValue>> {
        let on_own = &self.inner.on_own;
        let known = on_own.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = known.iter().find(|(known, _)| *known == kind) {
            return Some(Arc::clone(known));
        }
        drop(known);
        let found = work_out()?;
        on_own.write().unwrap_or_else(PoisonError::into_inner).push((kind, Arc::clone(&found)));
        Some(found)
    }

    /// The session that the token was issued in.
    pub fn session(&self) -> Option<SessionId> {
        self.inner.session
    }

    /// The token that was presented.
    pub fn token(&self) -> &TokenId {
        &self.inner.token
    }

    /// Where the request came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// The person at the server's command line, who has the database and therefore everything. Made
/// by the command line alone.
#[derive(Debug)]
pub struct Operator(Caller);

impl Operator {
    /// The operator of an application with these scopes.
    pub(crate) fn at_the_command_line(vocabulary: Arc<Vocabulary>) -> Self {
        let everything = vocabulary.scopes().iter().copied().collect();
        Self(Caller::new(vocabulary, Subject::Operator, everything, None, TokenId::default()))
    }
}

impl std::ops::Deref for Operator {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}
