//! Caller: the verified identity and rights of a request. Only the token verifier makes one, of an access token or
//! of the session of a browser.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;

use super::freshness::Freshness;
use super::{MissingPowers, Revocable, Scope, ScopeSet, StepUp, System, Vocabulary};
use crate::domain::{Lease, Origin, Role, SessionId, UserId};

/// Subject of an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// User; `sub` is the user's id.
    User {
        /// The user's id.
        id: UserId,
        /// The user's present roles. A change of them ends the token.
        roles: Vec<Role>,
    },
    /// Client that acts for itself: `sub` equals `client_id`. It owns no record, whatever its id
    /// looks like.
    Client {
        /// `client_id`.
        id: String,
    },
    /// System caller, without a token: a job of the application.
    System {
        /// Name.
        name: &'static str,
    },
    /// Operator at the server's command line, without a token.
    Operator,
}

impl Subject {
    /// Returns the name in the audit trail and in explanations: `user:<id>`, `client:<id>`, `system:<name>`,
    /// `operator`.
    pub fn actor(&self) -> String {
        match self {
            Subject::User { id, .. } => actor_of(*id),
            Subject::Client { id } => format!("client:{id}"),
            Subject::System { name } => format!("system:{name}"),
            Subject::Operator => "operator".to_owned(),
        }
    }
}

/// Returns a user's name in the audit trail and in explanations.
pub fn actor_of(user: UserId) -> String {
    format!("user:{user}")
}

/// Returns the user of such a name.
pub(crate) fn user_of(actor: &str) -> Option<UserId> {
    actor.strip_prefix("user:")?.parse().ok()
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::User { id, .. } => write!(f, "user {id}"),
            Subject::Client { id } => write!(f, "client {}", id.escape_debug()),
            Subject::System { name } => write!(f, "the system caller {name}"),
            Subject::Operator => f.write_str("the operator"),
        }
    }
}

/// Identifiers of the presented token, for the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenId {
    /// The token's `jti`. Every token that this server issues has one.
    pub jti: Option<String>,
    /// Client that the token was issued to.
    pub client_id: Option<String>,
}

/// Party that presented an acceptable access token, or the cookie of a browser session.
///
/// ```
/// # use cloakroom::http::{Authenticated, Json, Problem};
/// async fn who_am_i(caller: Authenticated) -> Result<Json<String>, Problem> {
///     Ok(Json(caller.caller().subject().to_string()))
/// }
/// ```
///
/// Cheap to clone, because every proof carries one.
#[derive(Clone, Debug)]
pub struct Caller {
    inner: Arc<Inner>,
    origin: Origin,
    freshness: Freshness,
}

#[derive(Debug)]
struct Inner {
    subject: Subject,
    scope: ScopeSet,
    powers: ScopeSet,
    token: TokenId,
    /// Everything by which the token can be revoked; none without a token.
    revocable: Option<Revocable>,
    /// Time of the user's authentication; none for a caller without a user.
    authenticated_at: Option<DateTime<Utc>>,
    /// Set for the user of a browser who sent the cookie of a session and no token.
    is_browser: bool,
    /// Lease of the run that acts as a system caller; none for another caller.
    lease: Option<Lease>,
    vocabulary: Arc<Vocabulary>,
    /// Cache of the `_actions` on the caller's own records, by the kind of record.
    own_actions: RwLock<Vec<(&'static str, Arc<RawValue>)>>,
}

impl Caller {
    /// Returns the caller of a verified token. A user is stale until [`Caller::at`] says otherwise.
    pub(crate) fn verified(
        vocabulary: Arc<Vocabulary>,
        subject: Subject,
        scope: ScopeSet,
        revocable: Revocable,
        token: TokenId,
        authenticated_at: DateTime<Utc>,
    ) -> Self {
        let authenticated_at = matches!(subject, Subject::User { .. }).then_some(authenticated_at);
        let caller = Self::new(vocabulary, subject, scope, Some((revocable, authenticated_at)), token);
        if authenticated_at.is_some() { caller.stale() } else { caller }
    }

    /// Returns the caller of a browser session: a user, with the scopes of the roles that reach the user's own records
    /// alone. It is stale until [`Caller::at`] says otherwise.
    pub(crate) fn of_browser(
        vocabulary: Arc<Vocabulary>,
        user: (UserId, Vec<Role>),
        revocable: Revocable,
        authenticated_at: DateTime<Utc>,
    ) -> Self {
        let scope = match fault!(browser_has_powers) {
            true => vocabulary.granted_by(&user.1),
            false => vocabulary.own_scopes_of(&user.1),
        };
        Self::in_browser(vocabulary, user, scope, Some((revocable, Some(authenticated_at)))).stale()
    }

    /// Returns a hypothetical caller of a browser session.
    pub(super) fn hypothetical_browser(vocabulary: Arc<Vocabulary>, user: (UserId, Vec<Role>)) -> Self {
        let scope = vocabulary.own_scopes_of(&user.1);
        Self::in_browser(vocabulary, user, scope, None)
    }

    fn in_browser(
        vocabulary: Arc<Vocabulary>,
        (id, roles): (UserId, Vec<Role>),
        scope: ScopeSet,
        verified: Option<(Revocable, Option<DateTime<Utc>>)>,
    ) -> Self {
        let mut caller =
            Self::new(vocabulary, Subject::User { id, roles }, scope, verified, TokenId::default());
        if let Some(inner) = Arc::get_mut(&mut caller.inner) {
            inner.is_browser = true;
        }
        caller
    }

    /// Returns a hypothetical caller, for the preview of a decision.
    pub(super) fn hypothetical(vocabulary: Arc<Vocabulary>, subject: Subject, scope: ScopeSet) -> Self {
        Self::new(vocabulary, subject, scope, None, TokenId::default())
    }

    /// Returns a hypothetical caller that is this one with no scope but these.
    pub(super) fn restricted_to(&self, scope: &ScopeSet) -> Self {
        let (scope, inner) = (self.scope().intersection(scope), &self.inner);
        let mut caller = Self::hypothetical(Arc::clone(&inner.vocabulary), inner.subject.clone(), scope);
        if let Some(restricted) = Arc::get_mut(&mut caller.inner) {
            restricted.is_browser = inner.is_browser;
        }
        Self { freshness: self.freshness, ..caller }
    }

    fn new(
        vocabulary: Arc<Vocabulary>,
        subject: Subject,
        scope: ScopeSet,
        verified: Option<(Revocable, Option<DateTime<Utc>>)>,
        token: TokenId,
    ) -> Self {
        let (revocable, authenticated_at) = verified.unzip();
        let powers = match &subject {
            Subject::User { roles, .. } if fault!(powers_of_roles_alone) => vocabulary.powers_of(roles),
            Subject::User { roles, .. } => scope.intersection(&vocabulary.powers_of(roles)),
            Subject::Client { .. } | Subject::System { .. } | Subject::Operator => scope.powers(),
        };
        let inner = Inner {
            subject,
            scope,
            powers,
            token,
            revocable,
            authenticated_at: authenticated_at.flatten(),
            is_browser: false,
            lease: None,
            vocabulary,
            own_actions: RwLock::default(),
        };
        Self { inner: Arc::new(inner), origin: Origin::default(), freshness: Freshness::Fresh }
    }

    /// Judges the freshness of a request at this time.
    pub(crate) fn at(self, now: DateTime<Utc>, step_up: StepUp) -> Self {
        let judged = self.inner.authenticated_at.map(|at| step_up.judge(at, now));
        Self { freshness: judged.unwrap_or(Freshness::Fresh), ..self }
    }

    /// Returns the caller as if its user had just authenticated.
    pub(crate) fn if_fresh(&self) -> Self {
        Self { freshness: Freshness::Fresh, ..self.clone() }
    }

    /// Returns the caller as if its user had authenticated too long ago.
    pub(super) fn stale(self) -> Self {
        Self { freshness: Freshness::Stale { max_age: 0 }, ..self }
    }

    /// True when the user authenticated recently enough for a rule with `fresh`.
    pub fn is_fresh(&self) -> bool {
        self.freshness == Freshness::Fresh
    }

    /// Returns the limit, in seconds, that a stale caller's authentication exceeds.
    pub(crate) fn max_age(&self) -> Option<u32> {
        match self.freshness {
            Freshness::Fresh => None,
            Freshness::Stale { max_age } => Some(max_age),
        }
    }

    /// Returns the system caller of a run that holds this lease. Its changes end with the lease.
    pub(crate) fn of_run(vocabulary: Arc<Vocabulary>, system: System, lease: Lease) -> Self {
        let (subject, scope) =
            (Subject::System { name: system.name() }, system.scopes().iter().copied().collect());
        let mut caller = Self::new(vocabulary, subject, scope, None, TokenId::default());
        if let Some(inner) = Arc::get_mut(&mut caller.inner) {
            inner.lease = Some(lease);
        }
        caller
    }

    /// Adds the origin of the request.
    pub(crate) fn calling_from(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Returns the token's subject.
    pub fn subject(&self) -> &Subject {
        &self.inner.subject
    }

    /// Returns the user's id, if the subject is a user.
    pub fn user_id(&self) -> Option<UserId> {
        match self.inner.subject {
            Subject::User { id, .. } => Some(id),
            Subject::Client { ref id } if fault!(client_is_user) => id.parse().ok(),
            Subject::Client { .. } | Subject::System { .. } | Subject::Operator => None,
        }
    }

    /// True when the request has the cookie of a browser session instead of a token.
    pub(crate) fn is_browser(&self) -> bool {
        self.inner.is_browser
    }

    /// True when the subject is a user with this role.
    pub fn has_role(&self, role: Role) -> bool {
        matches!(&self.inner.subject, Subject::User { roles, .. } if roles.contains(&role))
    }

    /// True when the caller is this system caller.
    pub fn is_system(&self, system: System) -> bool {
        matches!(self.inner.subject, Subject::System { name } if name == system.name())
    }

    /// Returns the token's scopes.
    pub fn scope(&self) -> &ScopeSet {
        &self.inner.scope
    }

    /// True when the token has the scope.
    pub fn holds(&self, scope: Scope) -> bool {
        self.scope().contains(scope)
    }

    /// Returns the caller's powers over others: those that the token carries and, for a user, the
    /// user's roles grant too. A token with fewer scopes than its user may have gives fewer powers.
    pub fn powers(&self) -> &ScopeSet {
        &self.inner.powers
    }

    /// Returns those of these powers that the caller lacks.
    pub fn missing(&self, powers: &ScopeSet) -> MissingPowers {
        let missing = powers.difference(self.powers());
        match &self.inner.subject {
            Subject::User { roles, .. } => {
                let granted = self.inner.vocabulary.powers_of(roles);
                MissingPowers {
                    in_token: missing.intersection(&granted),
                    in_roles: missing.difference(&granted),
                }
            }
            Subject::Client { .. } | Subject::System { .. } | Subject::Operator => {
                MissingPowers { in_token: missing, in_roles: ScopeSet::default() }
            }
        }
    }

    /// Returns the application's scopes and roles.
    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.inner.vocabulary
    }

    /// Returns the `_actions` on the caller's own records of this kind, for records without
    /// relations. They follow from the token alone, so that they are computed once for each token.
    pub(crate) fn own_actions(
        &self,
        kind: &'static str,
        compute: impl FnOnce() -> Option<Arc<RawValue>>,
    ) -> Option<Arc<RawValue>> {
        let cache = &self.inner.own_actions;
        let known = cache.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = known.iter().find(|(known, _)| *known == kind) {
            return Some(Arc::clone(known));
        }
        drop(known);
        let computed = compute()?;
        cache.write().unwrap_or_else(PoisonError::into_inner).push((kind, Arc::clone(&computed)));
        Some(computed)
    }

    /// Returns the session in which the token was issued.
    pub fn session(&self) -> Option<SessionId> {
        self.inner.revocable.as_ref()?.session
    }

    /// Returns everything by which the token can be revoked. None for the operator, who has no token.
    pub(crate) fn revocable(&self) -> Option<&Revocable> {
        self.inner.revocable.as_ref()
    }

    /// Returns the lease of the run that acts as a system caller.
    pub(crate) fn lease(&self) -> Option<&Lease> {
        self.inner.lease.as_ref()
    }

    /// Returns the identifiers of the presented token.
    pub fn token(&self) -> &TokenId {
        &self.inner.token
    }

    /// Returns the origin of the request.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Operator at the server's command line. The operator has the database and therefore every right.
/// Only the command line makes one.
#[derive(Debug)]
pub struct Operator(Caller);

impl Operator {
    /// Returns the operator, with every scope of the application.
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
