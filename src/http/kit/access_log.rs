//! Access log: one line for each request, when `CLOAKROOM_ACCESS_LOG` is `on`. It has the path and never
//! the query, which can carry tokens and codes.

use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::{HttpMessage as _, HttpRequest};

use super::Services;
use crate::authz::Caller;
use crate::telemetry::logging::{ACCESS, access_log};

/// Start of a request that is logged.
pub(super) struct Begun(Instant);

/// Method and path of the route that answers.
struct Route(Arc<str>);

/// Caller of a verified token.
struct CallerName(String);

/// Begins the line of a request. None when there is no access log.
pub(super) fn begin() -> Option<Begun> {
    access_log().then(|| Begun(Instant::now()))
}

/// Notes the route that answers.
pub(super) fn note_route(request: &HttpRequest, route: &Arc<str>) {
    if access_log() {
        request.extensions_mut().insert(Route(Arc::clone(route)));
    }
}

/// Notes the caller.
pub(super) fn note_caller(request: &HttpRequest, caller: &Caller) {
    if access_log() {
        request.extensions_mut().insert(CallerName(caller.subject().actor()));
    }
}

impl Begun {
    /// Writes the line.
    pub(super) fn end(
        self,
        response: &ServiceResponse<impl MessageBody>,
        services: &Services,
        request_id: &str,
    ) {
        let request = response.request();
        let extensions = request.extensions();
        let peer = request.peer_addr().map(|peer| peer.ip());
        let address = peer.map(|peer| services.proxies.client_address(peer, request.headers()));
        let bytes = match response.response().body().size() {
            BodySize::Sized(bytes) => Some(bytes),
            BodySize::None => Some(0),
            BodySize::Stream => None,
        };
        log::info!(
            target: ACCESS,
            method:% = request.method(),
            route = extensions.get::<Route>().map(|route| &*route.0),
            path = request.path(),
            status = response.status().as_u16(),
            duration_ms = milliseconds(self.0),
            bytes,
            request_id:%,
            caller = extensions.get::<CallerName>().map(|caller| caller.0.as_str()),
            client_address = address.map(|address| address.to_string()).as_deref();
            "request answered"
        );
    }
}

/// Returns the milliseconds since then, with three decimals.
fn milliseconds(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
