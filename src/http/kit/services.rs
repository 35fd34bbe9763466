//! What handlers work with.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use actix_web::web::Bytes;
use chrono::TimeDelta;
use ipnet::IpNet;
use uuid::Uuid;

use super::actions::ActionTable;
use super::browser::FormGuard;
use super::cursor::CursorKey;
use super::description::Description;
use super::endpoint::Endpoint;
use super::forgery_throttle::Suspects;
use super::idempotency::AnswerSeal;
use super::problem::{Code, Problem};
use super::rate_limit::Exhausted;
use super::request::{Argument, Call};
use super::router::{Captured, Paths};
use crate::authz::Vocabulary;
use crate::authz::matrix::Matrix;
use crate::config::{Environment, Settings};
use crate::domain::{Allowance, Clock, Random, Time};
use crate::hashing::Hasher;
use crate::http::meta::matrix::Rules;
use crate::http::meta::openapi::document;
use crate::oauth::Means;
use crate::qa::test_server::TestServer;
use crate::server::shutdown::Stopping;
use crate::store::{Recorder, Store, StoreError, TrustedStore};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;
use crate::token::{InvalidToken, Issuer, Keys, SignsFrom, Ticket, UsedProofs, Verified, Verifier};

/// Everything a handler may need; made once, when the server starts.
pub struct Services {
    /// Where records are kept.
    pub store: Store,
    /// The store without proofs.
    pub(crate) trusted: TrustedStore,
    /// What decides whether a token is acceptable.
    pub verifier: Verifier,
    /// What issues tokens.
    pub issuer: Arc<Issuer>,
    /// What they are signed with, where the server issues any.
    pub keys: Option<Arc<Keys>>,
    /// The lane in which passwords are hashed.
    pub hasher: Hasher,
    /// The time.
    pub clock: Clock,
    /// By how much the clocks of others may differ.
    pub leeway: TimeDelta,
    /// Randomness.
    pub random: Random,
    /// The scopes and roles of the application.
    pub vocabulary: Arc<Vocabulary>,
    /// What takes events for the audit trail.
    pub recorder: Recorder,
    /// Where traces go.
    pub traces: Traces,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether the server was told to stop.
    pub(crate) stopping: Stopping,
    /// What `aud` must contain.
    pub audience: String,
    /// Where tokens can be meant to be taken (RFC 8707): here, and where the operator said.
    pub resources: Vec<String>,
    /// The server's public URL: `iss`, and the beginning of every link.
    pub issuer_url: String,
    /// Whether the server issues tokens itself.
    pub issues_tokens: bool,
    /// What the server is for.
    pub environment: Environment,
    /// Whether anybody may register.
    pub registration_open: bool,
    /// Whether guesses, registrations and what clients send that is no good are limited.
    pub limits: bool,
    /// From where too much came.
    pub exhausted: Exhausted,
    /// From where tokens come that are no good.
    pub suspects: Suspects,
    /// The proxies that are believed whom they forward for.
    pub trusted_proxies: Vec<IpNet>,
    /// The proofs of possession that were used on this replica.
    pub used_proofs: UsedProofs,
    /// What makes cursors unforgeable.
    pub cursors: CursorKey,
    /// What seals the answers that may be asked for again.
    pub answers: AnswerSeal,
    /// What makes forms of pages unforgeable.
    pub forms: FormGuard,
    /// The application's name.
    pub name: &'static str,
    /// The routes.
    pub endpoints: Vec<Endpoint>,
    /// Where their paths lead.
    pub(crate) paths: Paths,
    /// What a server made for tests is besides; no other has it.
    pub(crate) test: Option<Arc<TestServer>>,
    /// Made when it is first asked for: it stays the same.
    pub(crate) matrix: OnceLock<Matrix>,
    /// Its routes described, once somebody asked for it.
    pub(crate) openapi: OnceLock<Bytes>,
    pub(crate) actions: ActionTable,
    pub(crate) settings: Arc<dyn Any + Send + Sync>,
}

impl Services {
    /// What the authorization server works with.
    pub(crate) fn oauth(&self) -> Means<'_> {
        let Self {
            trusted: store,
            hasher,
            issuer,
            verifier,
            recorder,
            vocabulary,
            random,
            clock,
            issuer_url,
            ..
        } = self;
        let resources = &self.resources;
        Means {
            store,
            hasher,
            limits: self.limits,
            allowance: Allowance::default(),
            issuer,
            verifier,
            recorder,
            vocabulary,
            random,
            clock,
            leeway: self.leeway,
            issuer_url,
            resources,
        }
    }

    /// Looks up whom a token speaks for, where it does not say it itself.
    pub(crate) async fn confirm(&self, ticket: Ticket) -> Result<Result<Verified, InvalidToken>, StoreError> {
        Ok(match ticket {
            Ticket::Complete(verified) => Ok(verified),
            // Whoever took it from its owner would send it so (RFC 9449 §7.2).
            Ticket::Bound(_) => Err(InvalidToken::Bound),
            Ticket::Unconfirmed(unconfirmed) => {
                let standing = self.trusted.standing(unconfirmed.user_id()).await?;
                unconfirmed.confirm(standing.as_ref())
            }
            Ticket::Stranger(stranger) => {
                let resident = self.trusted.resident(stranger.newcomer()).await?;
                self.verifier.recognize(&stranger, resident)
            }
        })
    }

    /// The OpenAPI document of this server.
    pub(crate) fn openapi(&self) -> Bytes {
        let Self { name, endpoints, vocabulary, issuer_url, .. } = self;
        let document = || document(name, endpoints, vocabulary, issuer_url).to_string().into();
        self.openapi.get_or_init(document).clone()
    }

    /// The authorization matrix of this server.
    pub(crate) fn matrix(&self) -> &Matrix {
        self.matrix.get_or_init(|| {
            let Self { name, endpoints, vocabulary, registration_open, .. } = self;
            Rules { name, endpoints, vocabulary, registration_open: *registration_open }.matrix()
        })
    }

    /// Takes up another signing key, and none of those before it: whatever was issued is dead, and who
    /// was refused for what they did before is not any more.
    pub(crate) async fn forget_tokens(&self) -> Result<(), Problem> {
        self.verifier.forget_revocations();
        let Some(keys) = &self.keys else { return Ok(()) };
        let made = keys.safe().make(SignsFrom::Now).map_err(|_| Problem::new(Code::Internal))?;
        keys.load(self.trusted.replace_keys(made).await?);
        Ok(())
    }

    /// The time, as records hold it.
    pub fn now(&self) -> Time {
        Time(self.clock.now())
    }

    /// A new id, ordered by the time of its making.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new_id<Id: From<Uuid>>(&self) -> Result<Id, Problem> {
        Ok(Id::from(self.random.uuid_at(self.clock.now())?))
    }
}

/// The settings of the application, for a handler to take.
///
/// ```
/// use cloakroom::config::{DefaultValue::Is, at, parse};
/// use cloakroom::http::{Configured, Json, Problem, Public};
///
/// cloakroom::settings! {
///     /// The settings of the wardrobe.
///     pub struct WardrobeSettings {
///         /// How many pegs there are.
///         pegs: u32 = at("WARDROBE_PEGS", Is("100")), parse::number(1..=10_000);
///     }
/// }
///
/// async fn pegs(_: Public, settings: Configured<WardrobeSettings>) -> Result<Json<u32>, Problem> {
///     Ok(Json(settings.pegs))
/// }
///
/// let app = cloakroom::App::new("wardrobe").settings::<WardrobeSettings>();
/// ```
///
/// They are those that the application declared with [`settings!`](crate::settings!) and named with
/// [`App::settings`](crate::App::settings).
pub struct Configured<S>(Arc<S>);

impl<S> std::ops::Deref for Configured<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

impl<S: Settings> Argument for Configured<S> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let settings = Arc::clone(&call.services().settings).downcast();
        settings.map(Self).map_err(|_| Problem::new(Code::Internal))
    }

    fn describe(description: &mut Description) {
        description.settings.push((std::any::TypeId::of::<S>(), std::any::type_name::<S>()));
    }
}

/// The segments of the path, for what the decision does not read of it.
///
/// ```
/// # use cloakroom::{authz::{Allowed, action::Read}, domain::{User, UserId}, http::{Json, Problem, Segments}};
/// async fn is_it_them(user: Allowed<User, Read>, segments: Segments) -> Result<Json<bool>, Problem> {
///     let other: UserId = segments.get("other")?;
///     Ok(Json(user.id == other))
/// }
/// ```
pub struct Segments(Captured);

impl Segments {
    /// The segment of this name.
    ///
    /// # Errors
    /// 404 when it is not what is expected: nothing is found there.
    pub fn get<T: std::str::FromStr>(&self, name: &str) -> Result<T, Problem> {
        let segment = self.0.iter().find(|(known, _)| *known == name);
        segment.and_then(|(_, text)| text.parse().ok()).ok_or_else(|| Problem::new(Code::NotFound))
    }
}

impl Argument for Segments {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self(call.captured.clone()))
    }

    fn describe(description: &mut Description) {
        description.names_a_record();
    }
}
