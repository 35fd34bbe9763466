//! cloakroom inside an actix application that has routes of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::body::MessageBody;
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Condition, Next, from_fn};
use actix_web::{Error, web};

use super::StartError;
use super::jobs::Jobs;
use super::listening::cors;
use super::services::services;
use crate::app::{App, Loaded};
use crate::domain::ClockAndRandom;
use crate::http::{Router, Services, mount, wrap};

/// Values of the parameters of a path, with which routes are compared: any, and the one with a meaning of its own.
const SAMPLES: [&str; 2] = ["x", "me"];

/// cloakroom with its own middleware, for an actix application that has further routes. Register its scope as the last
/// service: each path that no other route has is then cloakroom's.
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
///         .service(beside.scope())
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
    /// Set when the routes of the whole application were compared with those of cloakroom.
    is_checked: Arc<AtomicBool>,
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
        let jobs = Jobs::start(app, &own_jobs, settings, &services);
        Ok(Self {
            router: Arc::new(Router::new(Arc::clone(&services), endpoints)),
            services,
            cors_origins: config.cors_origins.clone(),
            jobs,
            is_checked: Arc::default(),
        })
    }

    /// Returns the service of a worker thread, for [`actix_web::App::service`].
    ///
    /// Another route for a path of cloakroom would answer without a decision. The first request that reaches cloakroom
    /// compares the routes of the whole application: with such a route, cloakroom answers nothing but 500, and the log
    /// names the path. It does not find a route for a path that cloakroom does not have, such as `/users/{id}/avatar`.
    #[expect(
        clippy::disallowed_methods,
        reason = "the scope has the router, in which each handler begins with its decision"
    )]
    pub fn scope(&self) -> impl HttpServiceFactory + use<> {
        let (router, services, service) =
            (Arc::clone(&self.router), Arc::clone(&self.services), self.clone());
        web::scope("")
            .configure(move |config| mount(config, router))
            .wrap(from_fn(move |request, next| refuse_shadowed(service.clone(), request, next)))
            .wrap(Condition::new(!self.cors_origins.is_empty(), cors(&self.cors_origins)))
            .wrap(from_fn(move |request, next| wrap(Arc::clone(&services), request, next)))
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

    /// Returns a path of cloakroom that another route of the application answers.
    fn shadowed(&self, request: &ServiceRequest) -> Option<&'static str> {
        let sample = |path: &str, value: &'static str| -> String {
            path.split(['{', '}'])
                .enumerate()
                .map(|(at, part)| if at % 2 == 0 { part } else { value })
                .collect()
        };
        let is_taken = |path: &str| {
            SAMPLES.iter().any(|value| request.resource_map().has_resource(&sample(path, value)))
        };
        self.services.routes.all().iter().map(|route| route.path).find(|path| is_taken(path))
    }
}

/// Answers 500 while another route of the application takes a path of cloakroom.
async fn refuse_shadowed(
    service: Service,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if !service.is_checked.load(Ordering::Relaxed) {
        if let Some(path) = service.shadowed(&request) {
            log::error!("another route of the application takes {path}, a path of cloakroom: move it");
            return Err(actix_web::error::ErrorInternalServerError(
                "the application has two routes for one path",
            ));
        }
        service.is_checked.store(true, Ordering::Relaxed);
    }
    next.call(request).await
}
