//! cloakroom inside an actix application that has routes of its own.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{self, ServiceRequest, ServiceResponse, Transform, fn_service, forward_ready};
use actix_web::middleware::{Condition, from_fn};
use futures_util::future::LocalBoxFuture;

use super::StartError;
use super::jobs::Jobs;
use super::listening::cors;
use super::services::services;
use crate::app::{App, Loaded};
use crate::domain::ClockAndRandom;
use crate::http::{Router, Services, wrap};

/// First segment of well-known URIs (RFC 8615), which belong to the whole host: cloakroom has single ones.
const WELL_KNOWN: &str = ".well-known";

/// cloakroom with its own middleware, for an actix application that has further routes.
///
/// The program has the listener: its limits of connections and of the head of a request, TLS and signals. Set
/// `CLOAKROOM_ISSUER` to its public URL, and call [`Service::stop`] at its end.
///
/// ```no_run
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// use cloakroom::{App, Service};
///
/// let app = App::default();
/// let settings = app.load_from_process()?;
/// let service = Service::start(&app, &settings).await?;
/// let beside = service.clone();
/// let server = actix_web::HttpServer::new(move || {
///     actix_web::App::new()
///         .route("/menu", actix_web::web::get().to(async || "Soup"))
///         .wrap(beside.middleware())
/// });
/// server.bind(settings.config.listen)?.run().await?;
/// service.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Service {
    router: Arc<Router>,
    services: Arc<Services>,
    cors_origins: Vec<String>,
    jobs: Jobs,
    /// First segments of cloakroom's paths. Each path below one is cloakroom's.
    claimed: Arc<BTreeSet<&'static str>>,
}

impl Service {
    /// Migrates the database, creates what is missing, and starts the jobs, as [`App::start`] does.
    ///
    /// # Errors
    /// Anything that keeps the server from starting: see [`StartError`].
    pub async fn start(app: &App, settings: &Loaded) -> Result<Self, StartError> {
        let faults = app.faults();
        if !faults.is_empty() {
            return Err(StartError::Faulty(faults));
        }
        let config = &settings.config;
        app.migrate_when_available(config).await?;
        let clock_and_random = ClockAndRandom::default();
        let (services, endpoints, own_jobs) =
            services(app, settings, config.listen, clock_and_random).await?;
        let services = Arc::new(services);
        let claimed = services.routes.all().iter().filter_map(|route| claimed_segment(route.path)).collect();
        let jobs = Jobs::start(app, &own_jobs, settings, &services);
        Ok(Self {
            router: Arc::new(Router::new(Arc::clone(&services), endpoints)),
            services,
            cors_origins: config.cors_origins.clone(),
            jobs,
            claimed: Arc::new(claimed),
        })
    }

    /// Returns the middleware of a worker thread, for [`actix_web::App::wrap`].
    ///
    /// It answers each request for a path of cloakroom, and for each path below the first segment of one, before the
    /// routes of the program are looked at. So no other route answers `/users/{id}/avatar` without a decision, wherever
    /// the program has it. Of `/.well-known/`, cloakroom's own paths alone are cloakroom's.
    pub fn middleware(&self) -> Middleware {
        Middleware(self.clone())
    }

    /// Ends the jobs, and writes what waits for the audit trail.
    pub async fn stop(self) {
        self.services.shutdown.set();
        self.jobs.stop().await;
        self.services.traces.end().await;
        if let Err(error) = self.services.recorder.close().await {
            log::error!("the last entries of the audit trail are lost: {error}");
        }
    }

    /// True for a path that cloakroom answers.
    fn claims(&self, path: &str) -> bool {
        // A middleware of the program can remove empty segments, so `//users` counts as `/users`.
        let first = path.split('/').find(|segment| !segment.is_empty()).unwrap_or_default();
        self.claimed.contains(first) || self.services.routes.find(path).is_some()
    }
}

/// Returns the first segment of a path, if each path below it is cloakroom's.
fn claimed_segment(path: &'static str) -> Option<&'static str> {
    let first = path.split('/').nth(1).filter(|first| !first.is_empty() && !first.starts_with('{'))?;
    (first != WELL_KNOWN).then_some(first)
}

/// Middleware that answers the requests for cloakroom. See [`Service::middleware`].
pub struct Middleware(Service);

/// Answers a request in the name of cloakroom.
type OwnService = Rc<dyn Fn(ServiceRequest) -> Answered>;
type Answered = LocalBoxFuture<'static, Result<ServiceResponse<BoxBody>, Error>>;

impl<S, B> Transform<S, ServiceRequest> for Middleware
where
    S: dev::Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error, Future: 'static> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = Claiming<S>;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Self::Transform, ()>>;

    fn new_transform(&self, program: S) -> Self::Future {
        let service = self.0.clone();
        Box::pin(async move { Ok(Claiming { own: service.own_service().await?, service, program }) })
    }
}

/// The services of a worker thread: that of cloakroom, and that of the program.
pub struct Claiming<S> {
    service: Service,
    own: OwnService,
    program: S,
}

impl<S, B> dev::Service<ServiceRequest> for Claiming<S>
where
    S: dev::Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error, Future: 'static> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = Answered;

    forward_ready!(program);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        if self.service.claims(request.match_info().as_str()) {
            return (self.own)(request);
        }
        let answer = self.program.call(request);
        Box::pin(async move { Ok(answer.await?.map_into_boxed_body()) })
    }
}

impl Service {
    /// Makes the service of cloakroom, with its middleware.
    async fn own_service(&self) -> Result<OwnService, ()> {
        let (router, services) = (Arc::clone(&self.router), Arc::clone(&self.services));
        let answer = fn_service(move |request: ServiceRequest| {
            let router = Arc::clone(&router);
            async move {
                let (request, payload) = request.into_parts();
                let answer = router.answer(request.clone(), payload).await;
                Ok::<_, Error>(ServiceResponse::new(request, answer))
            }
        });
        let with_cors = Condition::new(!self.cors_origins.is_empty(), cors(&self.cors_origins));
        let answer = with_cors.new_transform(answer).await?;
        let around = from_fn(move |request, next| wrap(Arc::clone(&services), request, next));
        let own = around.new_transform(answer).await?;
        Ok(Rc::new(move |request| {
            let answer = dev::Service::call(&own, request);
            Box::pin(async move { Ok(answer.await?.map_into_boxed_body()) })
        }))
    }
}
