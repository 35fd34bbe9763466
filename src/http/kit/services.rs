//! The state of a running server. Handlers of an application cannot reach it: each thing that they may use is
//! an argument of its own (see `injected.rs`). So a `Public` handler cannot issue a token, verify it, and act
//! as its caller:
//!
//! ```compile_fail,E0603
//! use cloakroom::http::Services;
//! ```
//! ```
//! use cloakroom::http::Configured;
//! ```
//!
//! Neither can an argument of its own:
//! ```compile_fail,E0624
//! fn state(call: &cloakroom::http::Call) { let _ = call.services(); }
//! ```
//! ```
//! fn path(call: &cloakroom::http::Call) { let _ = call.request(); }
//! ```

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use super::problem_response::RenderPage;
use super::{
    ActionTable, AnswerSeal, Code, CursorKey, Extensions, ForgeryThrottle, FormGuard, Problem, RateLimits,
    RouteTable, SetCookie, ShutdownFlag, TrustedProxies,
};
use crate::accounts::Accounts;
use crate::authz::{StepUp, Vocabulary};
use crate::config::Environment;
use crate::domain::{Allowance, BrowserSecret, Clock, Random};
use crate::hashing::Hasher;
use crate::oauth::OAuthContext;
use crate::store::{Recorder, Store, TrustedStore};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;
use crate::token::{Issuer, Keys, SignsFrom, UsedProofs, Verifier};

/// State of a running server, made once at its start.
pub(crate) struct Services {
    /// The records.
    pub(crate) store: Store,
    /// The store without proofs, for the authorization server and the server's own duties.
    pub(crate) trusted: TrustedStore,
    /// Verifies access tokens.
    pub(crate) verifier: Verifier,
    /// Issues tokens.
    pub(crate) issuer: Arc<Issuer>,
    /// The signing keys, where the server issues tokens.
    pub(crate) keys: Option<Arc<Keys>>,
    /// Hashes passwords.
    pub(crate) hasher: Hasher,
    /// The life of accounts.
    pub(crate) accounts: Accounts,
    /// The time.
    pub(crate) clock: Clock,
    /// The greatest difference between clocks.
    pub(crate) leeway: TimeDelta,
    /// Randomness.
    pub(crate) random: Random,
    /// The scopes and roles of the application.
    pub(crate) vocabulary: Arc<Vocabulary>,
    /// Takes events for the audit trail.
    pub(crate) recorder: Recorder,
    /// Exports spans.
    pub(crate) traces: Traces,
    /// The metrics.
    pub(crate) metrics: Metrics,
    /// Set when the server is shutting down.
    pub(crate) shutdown: ShutdownFlag,
    /// The required `aud`.
    pub(crate) audience: String,
    /// The resources that tokens can be issued for (RFC 8707): this server first.
    pub(crate) resources: Vec<String>,
    /// The server's public URL: `iss`, and the beginning of every link.
    pub(crate) issuer_url: String,
    /// Set when the server issues tokens itself.
    pub(crate) issues_tokens: bool,
    /// Production, staging or test.
    pub(crate) environment: Environment,
    /// Set while registration is open.
    pub(crate) registration_open: bool,
    /// The limits on registrations and on failures of clients.
    pub(crate) rate_limits: RateLimits,
    /// Delays addresses that send bad tokens.
    pub(crate) forgeries: ForgeryThrottle,
    /// The proxies that name the client of a request.
    pub(crate) proxies: Arc<TrustedProxies>,
    /// How recently a user must have authenticated, for rules that say `fresh`.
    pub(crate) step_up: StepUp,
    /// The DPoP proofs that were used on this replica.
    pub(crate) used_proofs: UsedProofs,
    /// Authenticates cursors.
    pub(crate) cursors: CursorKey,
    /// Seals the answers that are kept for repetitions.
    pub(crate) answers: AnswerSeal,
    /// Makes and checks the CSRF tokens of forms.
    pub(crate) forms: FormGuard,
    /// The application's name.
    pub(crate) name: &'static str,
    /// The application that a page leads to where nothing else does.
    pub(crate) home: Option<Url>,
    /// The routes.
    pub(crate) routes: RouteTable,
    /// The actions on each kind of record.
    pub(crate) actions: ActionTable,
    /// Renders a problem as a page.
    pub(crate) error_page: RenderPage,
    /// The state of the application.
    pub(crate) states: Arc<Extensions>,
    /// The problems of the application.
    pub(crate) problems: Vec<Code>,
    /// The settings of the application, and documents that are made at their first request.
    pub(crate) extensions: Extensions,
}

impl Services {
    /// Returns the context of the authorization server.
    pub(crate) fn oauth(&self) -> OAuthContext<'_> {
        OAuthContext {
            store: &self.trusted,
            hasher: &self.hasher,
            limits: self.rate_limits.are_on(),
            allowance: Allowance::default(),
            issuer: &self.issuer,
            verifier: &self.verifier,
            recorder: &self.recorder,
            vocabulary: &self.vocabulary,
            random: &self.random,
            clock: &self.clock,
            leeway: self.leeway,
            registration_open: self.registration_open,
            issuer_url: &self.issuer_url,
            resources: &self.resources,
        }
    }

    /// Sets the cookie of a browser session, until the browser ends or until this time.
    pub(crate) fn session_cookie(&self, secret: &BrowserSecret, until: Option<DateTime<Utc>>) -> SetCookie {
        let lifetime = until.and_then(|until| (until - self.clock.now()).to_std().ok());
        self.forms.cookies().session(secret, lifetime)
    }

    /// Replaces all signing keys with a new one, so that every issued token is invalid, and forgets all
    /// revocations.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn forget_tokens(&self) -> Result<(), Problem> {
        self.verifier.clear_revocations();
        let Some(keys) = &self.keys else { return Ok(()) };
        let made = keys.key_store().generate(SignsFrom::Now).map_err(|_| Problem::new(Code::Internal))?;
        keys.load(self.trusted.replace_keys(made).await?);
        Ok(())
    }
}
