//! One request on its way through: who calls, and what a handler takes after its decision.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use uuid::Uuid;

use super::client_address::forwarded_for;
use super::description::Description;
use super::dpop::prove;
use super::forgery_throttle::HOLD;
use super::path_id::PathSegments;
use super::problem::{Asked, Code, Problem, Unacceptable};
use super::router::Captured;
use super::services::Services;
use crate::authz::{Caller, Reason, Refusal};
use crate::domain::{Origin, sha256};
use crate::store::Store;
use crate::telemetry::traces::Traced;
use crate::token::{DPOP_ALGORITHMS, InvalidProof, InvalidToken, Ticket, Verified};

/// A request, and the services that answer it.
pub struct Call {
    request: HttpRequest,
    payload: Payload,
    services: Arc<Services>,
    pub(crate) for_people: bool,
    /// The method and the path of the route.
    pub(crate) route: Option<Arc<str>>,
    /// What stands in the path where the route has braces.
    pub(crate) captured: Captured,
    /// Whom an acceptable token was found to speak for, and through which client.
    who: OnceCell<String>,
    /// Of the body, where the caller wants what it asks for done once.
    body_hash: Option<[u8; 32]>,
}

/// What a handler takes besides its decision. Taken in the order in which they stand, each after
/// the one before it: the body is not read before the decision is made.
#[diagnostic::on_unimplemented(
    message = "after its decision a handler cannot take a `{Self}`",
    label = "it can take `Body<…>`, `IfMatch`, `Query<…>`, `Segments`, `Configured<…>`, `Store`, `Arc<Services>`",
    note = "a handler makes one decision, and it is the first argument"
)]
pub trait Argument: Sized + 'static {
    /// Takes it from the request.
    fn take(call: &mut Call) -> impl Future<Output = Result<Self, Problem>>;

    /// What it means for the API's description.
    fn describe(_: &mut Description) {}
}

/// The id of a request, as its answer and the log carry it.
#[derive(Clone)]
pub struct RequestId(pub Arc<str>);

impl Call {
    pub(crate) fn new(request: HttpRequest, payload: Payload, services: Arc<Services>) -> Self {
        let (for_people, route, captured, who, body_hash) =
            (false, None, Captured::new(), OnceCell::new(), None);
        Self { request, payload, services, for_people, route, captured, who, body_hash }
    }

    /// The request.
    pub fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// The services.
    pub fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// The id by which the log knows the request.
    pub fn request_id(&self) -> Arc<str> {
        self.request.extensions().get::<RequestId>().map_or_else(|| Arc::from(""), |id| Arc::clone(&id.0))
    }

    /// Begins the span of the request.
    pub(crate) fn trace(&self) -> Traced {
        let (request, route) = (&self.request, self.route.as_deref().unwrap_or_default());
        let template = route.split_once(' ').map_or(route, |(_, path)| path);
        self.services.traces.begin(route, request.method().as_str(), template, request.headers())
    }

    /// Where the request came from.
    pub fn origin(&self) -> Origin {
        Origin { request_id: Some(self.request_id()), address: self.address(), route: self.route.clone() }
    }

    /// The address of whoever calls: the peer's, or the one for which a trusted proxy forwards.
    pub fn address(&self) -> Option<IpAddr> {
        let peer = self.request.peer_addr()?.ip();
        Some(forwarded_for(peer, self.request.headers(), &self.services.trusted_proxies))
    }

    /// The segments of the path.
    pub fn segments(&self) -> PathSegments<'_> {
        PathSegments::of(&self.captured)
    }

    /// A segment of the path by its name in the route.
    pub fn segment(&self, name: &str) -> &str {
        self.segments().get(name)
    }

    /// Whom the token speaks for, and through which client, where the request has an `Idempotency-Key`.
    pub(crate) fn who(&self) -> Option<&str> {
        self.who.get().map(String::as_str)
    }

    /// What is known of the body, where the request has an `Idempotency-Key`.
    pub(crate) fn body_hash(&self) -> Option<[u8; 32]> {
        self.body_hash
    }

    /// Remembers what the body was.
    pub(crate) fn note_body(&mut self, body: &[u8]) {
        if self.has_key() {
            self.body_hash = Some(sha256(body));
        }
    }

    pub(crate) fn take_payload(&mut self) -> Payload {
        self.payload.take()
    }

    /// The one value of a header; the first if it stands more than once.
    pub fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// Counts a decision by what came of it.
    pub(crate) fn count_decision(&self, refused: Option<&Problem>) {
        self.services.metrics.decided(refused.map(|problem| problem.code().as_str()));
    }

    /// Who is calling.
    ///
    /// # Errors
    /// 401 without a token or with one that is not acceptable, 400 with two (RFC 6750 §3.1).
    pub async fn caller(&self) -> Result<Caller, Problem> {
        match self.presented_token()? {
            Some((scheme, token)) => {
                let verified = self.verify(scheme, token).await?;
                let caller = verified.caller().clone().calling_from(self.origin());
                if self.has_key() {
                    let client = caller.token().client_id.as_deref().unwrap_or_default();
                    // The first token is the only one.
                    self.who.get_or_init(|| format!("{} {client}", caller.subject().actor()));
                }
                Ok(caller)
            }
            None => {
                Err(Problem::new(Code::Unauthenticated)
                    .with_header(header::WWW_AUTHENTICATE, self.challenge("")))
            }
        }
    }

    /// Who is calling, when nobody has to be.
    ///
    /// # Errors
    /// As [`Call::caller`], but for the missing token.
    pub async fn caller_if_any(&self) -> Result<Option<Caller>, Problem> {
        match self.presented_token()? {
            Some(_) => self.caller().await.map(Some),
            None => Ok(None),
        }
    }

    /// The token of the Authorization header (RFC 6750 §2.1, RFC 9449 §7.1). The other two ways of
    /// RFC 6750 are not taken; to use one of them besides is to use two at once.
    fn presented_token(&self) -> Result<Option<(Scheme, &HeaderValue)>, Problem> {
        let values = self.request.headers().get_all(header::AUTHORIZATION);
        let mut tokens = values.filter_map(|value| Scheme::of(value).map(|scheme| (scheme, value)));
        let token = tokens.next();
        let in_query = form_urlencoded::parse(self.request.query_string().as_bytes())
            .take(64)
            .any(|(name, _)| name == "access_token");
        if tokens.next().is_some() || (token.is_some() && in_query) {
            let challenge = self.challenge("error=\"invalid_request\"");
            return Err(Problem::new(Code::TwoTokens).with_header(header::WWW_AUTHENTICATE, challenge));
        }
        Ok(token)
    }

    async fn verify(&self, scheme: Scheme, header: &HeaderValue) -> Result<Verified, Problem> {
        let text = std::str::from_utf8(header.as_bytes()).unwrap_or_default();
        let token = text.split_once(' ').map_or("", |(_, token)| token.trim());
        self.hold_up_suspects(token).await;
        let ticket =
            self.services.verifier.admit(token).await.map_err(|reason| self.not_acceptable(&reason))?;
        match (ticket, scheme) {
            (Ticket::Bound(bound), Scheme::Dpop) => {
                prove(self, &bound, token).map_err(|why| self.not_proved(why))
            }
            (_, Scheme::Dpop) => Err(self.not_acceptable(&InvalidToken::NotBound)),
            (ticket, Scheme::Bearer) => {
                let confirmed = self.services.confirm(ticket).await?;
                confirmed.map_err(|reason| self.not_acceptable(&reason))
            }
        }
    }

    /// Where too many tokens came from that were no good, one that is not known yet waits.
    async fn hold_up_suspects(&self, token: &str) {
        let Services { limits, suspects, verifier, .. } = &*self.services;
        let Some(address) = self.address().filter(|_| *limits) else { return };
        if suspects.are_at(address, Instant::now()) && !verifier.remembers(token) {
            tokio::time::sleep(HOLD).await;
        }
    }

    fn not_acceptable(&self, reason: &InvalidToken) -> Problem {
        let challenge = self
            .challenge("error=\"invalid_token\", error_description=\"the access token is not acceptable\"");
        self.unacceptable(reason.as_str(), reason).with_header(header::WWW_AUTHENTICATE, challenge)
    }

    fn unacceptable(&self, reason: &'static str, why: &dyn std::fmt::Display) -> Problem {
        self.services.metrics.tokens_refused.with_label_values(&[reason]).inc();
        if let Some(address) = self.address() {
            self.services.suspects.note(address, Instant::now());
        }
        Problem::invalid_token(Unacceptable { reason, words: why.to_string() })
    }

    fn not_proved(&self, why: InvalidProof) -> Problem {
        let algorithms = DPOP_ALGORITHMS.join(" ");
        let challenge =
            format!("DPoP error=\"invalid_dpop_proof\", error_description=\"{why}\", algs=\"{algorithms}\"");
        self.unacceptable("proof", &why).with_header(header::WWW_AUTHENTICATE, challenge)
    }

    /// A Bearer challenge (RFC 6750 §3) that names the resource metadata (RFC 9728 §5.1).
    pub(crate) fn challenge(&self, error: &str) -> String {
        let metadata = format!("{}/.well-known/oauth-protected-resource", self.services.issuer_url);
        let separator = if error.is_empty() { "" } else { ", " };
        format!("Bearer {error}{separator}resource_metadata=\"{metadata}\"")
    }

    /// The answer to a problem. A refusal gets the id of its decision here.
    pub(crate) fn answer(&self, problem: Problem) -> HttpResponse {
        let request_id = self.request_id();
        let decision_id = self.write_down(&problem);
        let mut problem = problem;
        if let Some(Refusal { rule, reason: Reason::InsufficientScope, .. }) = problem.refusal()
            && let Some(scope) = rule.weakest_scope()
        {
            let challenge = self.challenge(&format!("error=\"insufficient_scope\", scope=\"{scope}\""));
            problem = problem.with_header(header::WWW_AUTHENTICATE, challenge);
        }
        if problem.code() == Code::InvalidCredentials {
            // RFC 9110 §15.5.2: a 401 says what would be accepted.
            problem = problem.with_header(header::WWW_AUTHENTICATE, self.challenge(""));
        }
        let (issuer, path) = (&self.services.issuer_url, self.request.path());
        let page_of = self.for_people.then_some(self.services.name);
        problem.respond(&Asked { issuer, path, request_id: &request_id, decision_id, page_of })
    }

    /// A refusal in the audit trail and in the log, which says who was refused what, by which rule and at
    /// which step: as many as the trail takes, so that nobody fills the disk. The others are counted.
    fn write_down(&self, problem: &Problem) -> Option<Uuid> {
        let event = problem.event(|| self.origin())?;
        let id = self.services.random.uuid_at(self.services.clock.now()).ok()?;
        if !self.services.recorder.note_as(id, event) {
            return Some(id);
        }
        let request_id = self.request_id();
        if let Some(Unacceptable { words, .. }) = problem.unacceptable() {
            log::info!("request_id={request_id} decision_id={id} token refused: {words}");
        }
        if let Some(refusal) = problem.refusal() {
            let Refusal { rule, reason, .. } = refusal;
            let who = refusal.subject().map_or_else(|| "nobody".to_owned(), ToString::to_string);
            let (action, resource, path) = (rule.action, rule.resource, self.request.path());
            log::info!(
                "request_id={request_id} decision_id={id} refused: {who} may not {action} {resource} at {path:?}: {reason}"
            );
        }
        Some(id)
    }
}

/// How a token is sent.
#[derive(Clone, Copy)]
enum Scheme {
    /// By whoever has it (RFC 6750).
    Bearer,
    /// By whoever has it and the key to which it is bound (RFC 9449).
    Dpop,
}

impl Scheme {
    fn of(value: &HeaderValue) -> Option<Self> {
        let scheme = value.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
        match scheme {
            scheme if scheme.eq_ignore_ascii_case(b"bearer") => Some(Self::Bearer),
            scheme if scheme.eq_ignore_ascii_case(b"dpop") => Some(Self::Dpop),
            _ => None,
        }
    }
}

impl Argument for Store {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.services.store.clone())
    }
}

impl Argument for Arc<Services> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Arc::clone(&call.services))
    }
}
