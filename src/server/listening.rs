//! Listeners: the API, by HTTP or HTTPS, and the metrics on their own address.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_web::HttpServer;
use actix_web::middleware::{Condition, from_fn};

use super::StartError;
use crate::config::{Config, METRICS_LISTEN};
use crate::http::{Endpoint, Router, Services, mount, wrap};

/// Timeout for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout for an idle connection.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Timeout for requests in flight during a graceful shutdown, in seconds.
const SHUTDOWN_TIMEOUT: u64 = 30;

/// Starts to serve the API.
pub(super) fn listen(
    listener: TcpListener,
    tls: Option<rustls::ServerConfig>,
    workers: usize,
    cors_origins: Vec<String>,
    services: Arc<Services>,
    endpoints: Vec<Endpoint>,
) -> std::io::Result<actix_web::dev::Server> {
    let router = Arc::new(Router::new(Arc::clone(&services), endpoints));
    let server = HttpServer::new(move || {
        let router = Arc::clone(&router);
        let for_middleware = Arc::clone(&services);
        actix_web::App::new()
            .configure(move |config| mount(config, router))
            .wrap(Condition::new(!cors_origins.is_empty(), cors(&cors_origins)))
            .wrap(from_fn(move |request, next| wrap(Arc::clone(&for_middleware), request, next)))
    });
    let server = server
        .workers(workers)
        .client_request_timeout(HEAD_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(SHUTDOWN_TIMEOUT)
        .disable_signals();
    let server = match tls {
        Some(config) => server.listen_rustls_0_23(listener, config)?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}

/// Returns the CORS rules: exact origins, and no cookies. A page sends its token in a header.
fn cors(origins: &[String]) -> Cors {
    let cors = origins.iter().fold(Cors::default(), |cors, origin| cors.allowed_origin(origin));
    cors.allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers([
            "authorization",
            "content-type",
            "dpop",
            "idempotency-key",
            "if-match",
            "if-none-match",
            "x-request-id",
        ])
        .expose_headers([
            "etag",
            "idempotent-replayed",
            "link",
            "location",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "www-authenticate",
            "x-cloakroom-environment",
            "x-request-id",
        ])
        .block_on_origin_mismatch(false)
        .max_age(600)
}

/// Binds the address of the metrics. When another program uses the default address, the server starts
/// without metrics, because the operator did not choose that address.
pub(super) fn metrics_listener(config: &Config) -> Result<Option<(SocketAddr, TcpListener)>, StartError> {
    let Some(wanted) = config.metrics_listen else { return Ok(None) };
    let is_default = METRICS_LISTEN.parse().is_ok_and(|default: SocketAddr| default == wanted);
    let bound = TcpListener::bind(wanted).and_then(|listener| Ok((listener.local_addr()?, listener)));
    match bound {
        Ok(bound) => Ok(Some(bound)),
        Err(error) if is_default => {
            log::warn!("metrics are off: cannot listen on {wanted}: {error}; set CLOAKROOM_METRICS_LISTEN");
            Ok(None)
        }
        Err(error) => Err(StartError::Listen(wanted, error)),
    }
}
