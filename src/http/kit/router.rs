//! The router: from a request to the endpoint that answers it, measured and traced. A request that no
//! endpoint answers gets a problem too.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use futures_util::FutureExt as _;

use super::access_log;
use super::{Call, Captured, Code, Endpoint, Family, Problem, Route, Services};
use crate::telemetry::metrics::Meter;

/// The endpoints of a server; one router for all its worker threads.
pub(crate) struct Router {
    services: Arc<Services>,
    /// In the order of the route table.
    endpoints: Vec<Measured>,
    /// The meter of requests that no endpoint answers. Their paths and methods are no labels: a client could
    /// make any number of them.
    unknown: Meter,
}

struct Measured {
    endpoint: Endpoint,
    name: Arc<str>,
    meter: Meter,
}

impl Router {
    /// Makes the router of these endpoints; `services` has the table of their routes.
    pub(crate) fn new(services: Arc<Services>, endpoints: Vec<Endpoint>) -> Self {
        let measured = |endpoint: Endpoint| Measured {
            name: endpoint.name().into(),
            meter: services.metrics.meter(endpoint.method.as_str(), endpoint.path),
            endpoint,
        };
        let endpoints = endpoints.into_iter().map(measured).collect();
        let unknown = services.metrics.meter("other", "none");
        Self { services, endpoints, unknown }
    }

    /// Answers a request. A wrong method on a known path is 405, every other path 404.
    pub(crate) async fn answer(&self, request: HttpRequest, payload: Payload) -> HttpResponse {
        // Only escapes of characters that need none are decoded in it (RFC 3986 §2.3).
        let Some((indices, captured)) = self.services.routes.find(request.match_info().as_str()) else {
            return self.unknown(request, Problem::new(Code::UnknownPath));
        };
        let method = request.method();
        let endpoints = || indices.iter().filter_map(|index| self.endpoints.get(*index));
        match endpoints().find(|measured| measured.endpoint.answers(method)) {
            Some(endpoint) => self.run(endpoint, captured, request, payload).await,
            None => {
                let allow = allowed_methods(endpoints().map(|measured| measured.endpoint.route()));
                if *method == Method::OPTIONS {
                    return HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish();
                }
                self.unknown(request, Problem::new(Code::MethodNotAllowed).with_header(header::ALLOW, allow))
            }
        }
    }

    async fn run(
        &self,
        Measured { endpoint, name, meter }: &Measured,
        captured: Captured,
        request: HttpRequest,
        payload: Payload,
    ) -> HttpResponse {
        note_family(&request, endpoint.family);
        access_log::note_route(&request, name);
        let mut call = Call::new(request, payload, Arc::clone(&self.services), endpoint.family);
        call.route = Some(Arc::clone(name));
        call.captured = captured;
        let measured = meter.begin();
        let traced = call.trace();
        let done = traced.scope(AssertUnwindSafe((endpoint.run)(&mut call)).catch_unwind()).await;
        let done = done.unwrap_or_else(|_| {
            log::error!(request_id:% = call.request_id(); "the handler panicked");
            Err(Problem::new(Code::Internal))
        });
        let answer = done.unwrap_or_else(|problem| call.answer(problem));
        measured.answered(answer.status().as_str());
        traced.answered(answer.status().as_u16(), || call.request_id().to_string());
        answer
    }

    fn unknown(&self, request: HttpRequest, problem: Problem) -> HttpResponse {
        let measured = self.unknown.begin();
        let family = match problem.code() {
            Code::UnknownPath if opens_a_page(&request) => Family::Page,
            _ => Family::of_unknown_path(request.path()),
        };
        note_family(&request, family);
        let answer = Call::new(request, Payload::None, Arc::clone(&self.services), family).answer(problem);
        measured.answered(answer.status().as_str());
        answer
    }
}

/// True for a browser whose user opens an address.
fn opens_a_page(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    *request.method() == Method::GET
        && accept.is_some_and(|accept| accept.trim_start().starts_with("text/html"))
}

/// Tells the middleware of a family other than the API's, which needs no header of its own.
fn note_family(request: &HttpRequest, family: Family) {
    if family != Family::Api {
        request.extensions_mut().insert(family);
    }
}

/// Mounts the router.
#[expect(
    clippy::disallowed_methods,
    reason = "the only way to mount: every endpoint makes its decision first"
)]
pub(crate) fn mount(config: &mut web::ServiceConfig, router: Arc<Router>) {
    config.default_service(web::to(move |request: HttpRequest, payload: web::Payload| {
        let router = Arc::clone(&router);
        async move { router.answer(request, payload.into_inner()).await }
    }));
}

fn allowed_methods<'a>(routes: impl Iterator<Item = &'a Route>) -> String {
    let mut methods: Vec<&str> = routes.map(|route| route.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods.sort_unstable();
    methods.join(", ")
}
