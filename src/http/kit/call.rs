//! A request on its way to its handler.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{HttpMessage as _, HttpRequest};

use super::body_hash::BodyHash;
use super::look::PendingLook;
use super::{Captured, Family, Members, PathSegments, Problem, Services};
use crate::authz::{Caller, Reason, Refusal};
use crate::domain::{Origin, sha256};
use crate::telemetry::traces::Traced;

/// A request, with the server's state.
pub struct Call {
    request: HttpRequest,
    payload: Payload,
    services: Arc<Services>,
    /// The form of errors.
    pub(super) family: Family,
    /// The method and the path of the route.
    pub(super) route: Option<Arc<str>>,
    /// The values of the path's parameters.
    pub(super) captured: Captured,
    /// The caller, if the decision looked for one.
    caller: OnceCell<Caller>,
    /// Set when the body was read.
    has_read_body: bool,
    /// SHA-256 of the body; kept only for a request with an `Idempotency-Key`.
    body_hash: Option<[u8; 32]>,
    /// The members of the record that the caller may not write, each with the refusal.
    read_only: Vec<(&'static str, Refusal)>,
    /// The read of another's record, which the answer waits for.
    pub(super) look: PendingLook,
}

/// The id of a request, as its answer and the log carry it.
#[derive(Clone)]
pub struct RequestId(pub Arc<str>);

impl Call {
    pub(super) fn new(
        request: HttpRequest,
        payload: Payload,
        services: Arc<Services>,
        family: Family,
    ) -> Self {
        Self {
            request,
            payload,
            services,
            family,
            route: None,
            captured: Captured::new(),
            caller: OnceCell::new(),
            has_read_body: false,
            body_hash: None,
            read_only: Vec::new(),
            look: PendingLook::default(),
        }
    }

    /// Returns the request.
    pub fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// Returns the server's state.
    pub(crate) fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// Returns the id under which the log knows the request.
    pub fn request_id(&self) -> Arc<str> {
        self.request.extensions().get::<RequestId>().map_or_else(|| Arc::from(""), |id| Arc::clone(&id.0))
    }

    /// Begins the span of the request.
    pub(super) fn trace(&self) -> Traced {
        let (request, route) = (&self.request, self.route.as_deref().unwrap_or_default());
        let template = route.split_once(' ').map_or(route, |(_, path)| path);
        self.services.traces.begin(route, request.method().as_str(), template, request.headers())
    }

    /// Returns where the request came from.
    pub fn origin(&self) -> Origin {
        Origin { request_id: Some(self.request_id()), address: self.address(), route: self.route.clone() }
    }

    /// Returns the client's IP address: the peer's, or the one that a trusted proxy forwards for.
    pub fn address(&self) -> Option<IpAddr> {
        let peer = self.request.peer_addr()?.ip();
        Some(self.services.proxies.client_address(peer, self.request.headers()))
    }

    /// Returns the segments of the path.
    pub fn segments(&self) -> PathSegments<'_> {
        PathSegments::of(&self.captured)
    }

    /// Returns a segment of the path by its name in the route.
    pub fn segment(&self, name: &str) -> &str {
        self.segments().get(name)
    }

    /// Returns the first value of a header.
    pub fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// Takes the body's stream out of the request.
    pub(super) fn take_payload(&mut self) -> Payload {
        self.payload.take()
    }

    /// Returns the caller, if the decision looked for one.
    pub(super) fn known_caller(&self) -> Option<&Caller> {
        self.caller.get()
    }

    /// Remembers the caller. A request has one token, so the first call counts.
    pub(super) fn remember_caller(&self, caller: &Caller) {
        self.caller.get_or_init(|| caller.clone());
    }

    /// Returns SHA-256 of the body, for a request with an `Idempotency-Key`.
    pub(super) fn body_hash(&self) -> Option<[u8; 32]> {
        self.body_hash
    }

    /// True when the body was read: time passed since the decision.
    pub(super) fn has_read_body(&self) -> bool {
        self.has_read_body
    }

    /// Keeps that the body was read, and its hash.
    pub(super) fn keep_body_hash(&mut self, body: &[u8]) {
        self.has_read_body = true;
        if self.has_key() {
            self.body_hash = Some(sha256(body));
        }
    }

    /// Keeps that a body of another type than JSON was read, and its hash.
    pub(super) fn keep_upload_hash(&mut self, hash: Option<BodyHash>) {
        self.has_read_body = true;
        self.body_hash = hash.map(BodyHash::finish);
    }

    /// Returns the hash that takes the body in, for a request with an `Idempotency-Key`.
    pub(super) fn begin_upload_hash(&self) -> Option<BodyHash> {
        self.has_key().then(BodyHash::new)
    }

    /// Keeps which members of the record the caller may not write. Each decision about a change does, before the
    /// body is read.
    pub(super) fn keep_read_only(&mut self, members: impl Iterator<Item = (&'static str, Refusal)>) {
        self.read_only = members.collect();
    }

    /// Refuses the members of a body that the caller may not write.
    ///
    /// # Errors
    /// 401 for a member that asks for a recent authentication. The others are broken rules of the body.
    pub(super) fn refuse_read_only(&mut self, body: &mut Members) -> Result<(), Problem> {
        for (name, refusal) in std::mem::take(&mut self.read_only) {
            if refusal.reason == Reason::Stale && body.has(name) {
                return Err(refusal.into());
            }
            body.read_only(&[name]);
        }
        Ok(())
    }

    /// Counts a decision by its outcome.
    pub(super) fn count_decision(&self, refused: Option<&Problem>) {
        self.services.metrics.decided(refused.map(|problem| problem.code().as_str()));
    }
}
