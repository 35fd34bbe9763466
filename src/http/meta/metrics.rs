//! `GET /metrics` for Prometheus, on its own port.

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpResponse, HttpServer, guard, web};

use crate::http::kit::Services;
use crate::telemetry::metrics::{METRICS_TYPE, State};

/// Makes the server of the metrics. It stops with the process.
///
/// # Errors
/// When the listener cannot be used.
#[expect(
    clippy::disallowed_methods,
    reason = "not the API: it has no records, and every client that reaches its port may read it"
)]
pub(crate) fn metrics_server(
    listener: TcpListener,
    services: Arc<Services>,
) -> std::io::Result<actix_web::dev::Server> {
    let server = HttpServer::new(move || {
        let services = Arc::clone(&services);
        let metrics = web::route()
            .guard(guard::Any(guard::Get()).or(guard::Head()))
            .to(move || std::future::ready(metrics(&services)));
        let other_method = web::to(|| {
            let answer =
                HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "GET, HEAD")).finish();
            std::future::ready(answer)
        });
        let resource = web::resource("/metrics").route(metrics).default_service(other_method);
        actix_web::App::new().service(resource)
    });
    Ok(server.workers(1).disable_signals().shutdown_timeout(1).listen(listener)?.run())
}

fn metrics(services: &Services) -> HttpResponse {
    match services.metrics.text(|state| read(services, state)) {
        Some(text) => HttpResponse::Ok().insert_header((header::CONTENT_TYPE, METRICS_TYPE)).body(text),
        None => HttpResponse::InternalServerError().finish(),
    }
}

fn read(services: &Services, state: &State) {
    let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let pool = services.store.pool();
    state.connections.with_label_values(&["idle"]).set(gauge(pool.idle));
    state.connections.with_label_values(&["used"]).set(gauge(pool.used));
    state.connections_max.set(gauge(pool.most));
    let hashing = services.hasher.load();
    state.hash_lanes.set(gauge(hashing.threads));
    state.hash_running.set(gauge(hashing.running));
    state.hash_waiting.set(gauge(hashing.waiting));
    state.set_hash_turned_away(hashing.rejected);
    state.audit_waiting.set(gauge(services.recorder.waiting()));
    state.set_audit_counted(services.recorder.dropped());
    let signing = services.keys.as_ref().and_then(|keys| keys.signing_since());
    state.signing_key_created.set(signing.map_or(0, |created| created.timestamp()));
    let cache = services.verifier.cache_usage();
    state.cached_tokens.set(gauge(cache.tokens));
    state.set_cache_lookups(cache.hits, cache.misses);
}
