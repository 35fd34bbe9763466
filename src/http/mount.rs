//! The endpoints, mounted: from a request to the one that answers it, measured and traced; what no
//! endpoint answers is a problem too.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, guard, web};
use futures_util::FutureExt as _;

use super::call::Call;
use super::endpoint::Endpoint;
use super::problem::{Code, Problem};
use super::services::Services;

/// Mounts the endpoints: a known path answers a wrong method with 405, everything else is 404.
#[expect(
    clippy::disallowed_methods,
    reason = "the one way in: everything mounted here has made its decision"
)]
pub(crate) fn mount(config: &mut web::ServiceConfig, services: &Arc<Services>) {
    let mut paths: Vec<(&'static str, Vec<Endpoint>)> = Vec::new();
    for endpoint in services.endpoints.iter() {
        match paths.iter_mut().find(|(path, _)| *path == endpoint.path) {
            Some((_, endpoints)) => endpoints.push(endpoint.clone()),
            None => paths.push((endpoint.path, vec![endpoint.clone()])),
        }
    }
    // What is literal stands before what is a parameter: `/users/me` before `/users/{id}`. Otherwise as in
    // the list, where what is asked for most comes first: each path is tried in turn.
    paths.sort_by_key(|(path, _)| path.matches('{').count());
    for (path, endpoints) in paths {
        let allow = allowed_methods(&endpoints);
        let mut resource = web::resource(path);
        for endpoint in endpoints {
            let services = Arc::clone(services);
            let (run, for_people) = (Arc::clone(&endpoint.run), endpoint.for_people);
            let route: Arc<str> = endpoint.route().into();
            let meter = Arc::new(services.metrics.meter(endpoint.method.as_str(), endpoint.path));
            let mut method = guard::Any(guard::Method(endpoint.method.clone()));
            if endpoint.method == Method::GET {
                method = method.or(guard::Method(Method::HEAD));
            }
            resource = resource.route(web::route().guard(method).to(
                move |request: HttpRequest, payload: web::Payload| {
                    let mut call = Call::new(request, payload.into_inner(), Arc::clone(&services));
                    call.for_people = for_people;
                    call.route = Some(Arc::clone(&route));
                    let (run, meter) = (Arc::clone(&run), Arc::clone(&meter));
                    async move {
                        let measured = meter.begin();
                        let traced = call.trace();
                        let done = traced.scope(AssertUnwindSafe(run(&mut call)).catch_unwind()).await;
                        let done = done.unwrap_or_else(|_| {
                            log::error!("request_id={} the handler panicked", call.request_id());
                            Err(Problem::new(Code::Internal))
                        });
                        let answer = done.unwrap_or_else(|problem| call.answer(problem));
                        measured.answered(answer.status().as_str());
                        traced.answered(answer.status().as_u16(), || call.request_id().to_string());
                        answer
                    }
                },
            ));
        }
        let services = Arc::clone(services);
        config.service(resource.default_service(web::to(move |request: HttpRequest| {
            std::future::ready(wrong_method(request, &services, &allow))
        })));
    }
    let services = Arc::clone(services);
    config.default_service(web::to(move |request: HttpRequest| {
        std::future::ready(unrouted(request, &services, Problem::new(Code::UnknownPath)))
    }));
}

fn allowed_methods(endpoints: &[Endpoint]) -> String {
    let mut methods: Vec<&str> = endpoints.iter().map(|endpoint| endpoint.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods.sort_unstable();
    methods.join(", ")
}

fn wrong_method(request: HttpRequest, services: &Arc<Services>, allow: &str) -> HttpResponse {
    if request.method() == Method::OPTIONS {
        return HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish();
    }
    unrouted(request, services, Problem::new(Code::MethodNotAllowed).with_header(header::ALLOW, allow))
}

fn unrouted(request: HttpRequest, services: &Arc<Services>, problem: Problem) -> HttpResponse {
    // Neither what it asks for nor its method is a label: anybody could make as many as they like.
    let meter = services.metrics.meter("other", "none");
    let measured = meter.begin();
    let answer = Call::new(request, Payload::None, Arc::clone(services)).answer(problem);
    measured.answered(answer.status().as_str());
    answer
}
