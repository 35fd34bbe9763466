//! The endpoints, mounted: from a request to the one that answers it, measured and traced; what no
//! endpoint answers is a problem too.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::FutureExt as _;

use super::endpoint::Endpoint;
use super::problem::{Code, Problem};
use super::request::Call;
use super::router::Captured;
use super::services::Services;
use crate::telemetry::metrics::Meter;

/// What answers requests; one for all the threads.
pub(crate) struct Mounted {
    services: Arc<Services>,
    /// By the places of the endpoints in their list.
    routes: Vec<Route>,
    /// Neither what it asks for nor its method is a label: anybody could make as many as they like.
    elsewhere: Meter,
}

/// What an endpoint's requests are known by.
struct Route {
    /// The method and the path.
    name: Arc<str>,
    meter: Meter,
}

impl Mounted {
    /// The endpoints of these services.
    pub(crate) fn new(services: Arc<Services>) -> Self {
        let route = |endpoint: &Endpoint| Route {
            name: endpoint.route().into(),
            meter: services.metrics.meter(endpoint.method.as_str(), endpoint.path),
        };
        let routes = services.endpoints.iter().map(route).collect();
        let elsewhere = services.metrics.meter("other", "none");
        Self { services, routes, elsewhere }
    }

    /// The answer to a request: a known path answers a wrong method with 405, everything else is 404.
    async fn answer(&self, request: HttpRequest, payload: Payload) -> HttpResponse {
        let services = &self.services;
        // Escapes of what needs none are undone in it, and no other (RFC 3986 §2.3).
        let Some((places, captured)) = services.paths.find(request.match_info().as_str()) else {
            return self.unrouted(request, Problem::new(Code::UnknownPath));
        };
        let endpoints = places
            .iter()
            .filter_map(|place| Some((services.endpoints.get(*place)?, self.routes.get(*place)?)));
        let method = request.method();
        match endpoints.clone().find(|(endpoint, _)| endpoint.answers(method)) {
            Some((endpoint, route)) => self.run(endpoint, route, captured, request, payload).await,
            None => {
                let allow = allowed_methods(endpoints.map(|(endpoint, _)| endpoint));
                if *method == Method::OPTIONS {
                    return HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish();
                }
                self.unrouted(request, Problem::new(Code::MethodNotAllowed).with_header(header::ALLOW, allow))
            }
        }
    }

    async fn run(
        &self,
        endpoint: &Endpoint,
        route: &Route,
        captured: Captured,
        request: HttpRequest,
        payload: Payload,
    ) -> HttpResponse {
        let mut call = Call::new(request, payload, Arc::clone(&self.services));
        call.for_people = endpoint.for_people;
        call.route = Some(Arc::clone(&route.name));
        call.captured = captured;
        let measured = route.meter.begin();
        let traced = call.trace();
        let done = traced.scope(AssertUnwindSafe((endpoint.run)(&mut call)).catch_unwind()).await;
        let done = done.unwrap_or_else(|_| {
            log::error!("request_id={} the handler panicked", call.request_id());
            Err(Problem::new(Code::Internal))
        });
        let answer = done.unwrap_or_else(|problem| call.answer(problem));
        measured.answered(answer.status().as_str());
        traced.answered(answer.status().as_u16(), || call.request_id().to_string());
        answer
    }

    fn unrouted(&self, request: HttpRequest, problem: Problem) -> HttpResponse {
        let measured = self.elsewhere.begin();
        let answer = Call::new(request, Payload::None, Arc::clone(&self.services)).answer(problem);
        measured.answered(answer.status().as_str());
        answer
    }
}

/// Mounts all of it.
#[expect(
    clippy::disallowed_methods,
    reason = "the one way in: everything mounted here has made its decision"
)]
pub(crate) fn mount(config: &mut web::ServiceConfig, mounted: Arc<Mounted>) {
    config.default_service(web::to(move |request: HttpRequest, payload: web::Payload| {
        let mounted = Arc::clone(&mounted);
        async move { mounted.answer(request, payload.into_inner()).await }
    }));
}

fn allowed_methods<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> String {
    let mut methods: Vec<&str> = endpoints.map(|endpoint| endpoint.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods.sort_unstable();
    methods.join(", ")
}
