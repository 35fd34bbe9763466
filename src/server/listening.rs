//! Listeners: the API, by HTTP or HTTPS, and the metrics on their own address.

use std::future::ready;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol};
use actix_server::GracefulShutdownSignal;
use actix_service::{
    IntoServiceFactory as _, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config,
};
use actix_web::dev::{AppConfig, Server};
use actix_web::middleware::{Condition, from_fn};
use actix_web::rt::net::TcpStream;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::StartError;
use super::client_stream::ClientStream;
use super::connections::{Closed, Connections};
use crate::config::{Config, METRICS_LISTEN};
use crate::http::kit::Pipeline;
use crate::http::{Endpoint, Router, Services, mount, wrap};

/// Timeout for the head of a request.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout for an idle connection.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Timeout for requests in flight during a graceful shutdown, in seconds.
const SHUTDOWN_TIMEOUT: u64 = 30;

/// Timeout for a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);

/// Timeout for the end of a connection that the server closes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes of an answer that the kernel holds without sending them, for each connection.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 32 * 1024;

/// Bytes of requests that the kernel holds for each connection. It doubles this for its own records.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Starts to serve the API.
pub(super) fn listen(
    listener: TcpListener,
    tls: Option<rustls::ServerConfig>,
    config: &Config,
    services: &Arc<Services>,
    endpoints: Vec<Endpoint>,
) -> std::io::Result<Server> {
    bound_kernel_buffers(&listener)?;
    let builder = Server::build()
        .workers(usize::from(config.workers))
        .shutdown_timeout(SHUTDOWN_TIMEOUT)
        .disable_signals();
    let app = Application {
        router: Arc::new(Router::new(Arc::clone(services), endpoints)),
        services: Arc::clone(services),
        cors_origins: config.cors_origins.clone(),
        stopping: builder.graceful_shutdown_signal(),
    };
    let connections = Connections::new(config, services);
    let builder = match tls.map(|config| TlsAcceptor::from(Arc::new(config))) {
        None => builder.listen("http", listener, move || {
            let (connections, counted) = (Arc::clone(&connections), Arc::clone(&connections));
            let accept = move |io| ready(accept(&connections, io).map(http_1));
            fn_service(accept).and_then(app.service(ClientStream::pipeline, counted))
        }),
        Some(tls) => builder.listen("https", listener, move || {
            let (connections, counted) = (Arc::clone(&connections), Arc::clone(&connections));
            let tls = tls.clone();
            let accept = move |io| {
                let (accepted, tls) = (accept(&connections, io), tls.clone());
                async move {
                    let (stream, peer) = accepted?;
                    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
                    let stream = handshake.await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))?;
                    Ok(http_1((stream, peer)))
                }
            };
            let pipeline = |stream: &TlsStream<ClientStream>| stream.get_ref().0.pipeline();
            fn_service(accept).and_then(app.service(pipeline, counted))
        }),
    };
    Ok(builder?.run())
}

/// Limits what the kernel holds for each connection. A client that does not read would otherwise take
/// megabytes of it.
fn bound_kernel_buffers(listener: &TcpListener) -> std::io::Result<()> {
    let socket = SockRef::from(listener);
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(UNSENT)?;
    Ok(())
}

/// Counts a connection, or refuses it.
fn accept(
    connections: &Arc<Connections>,
    io: TcpStream,
) -> Result<(ClientStream, SocketAddr), DispatchError> {
    let peer = io.peer_addr()?;
    let place = connections.admit(peer.ip()).ok_or(ErrorKind::ConnectionRefused);
    Ok((ClientStream::new(io, place.map_err(std::io::Error::from)?), peer))
}

/// Says that a connection speaks HTTP/1.1. The server offers no other version.
fn http_1<T>((stream, peer): (T, SocketAddr)) -> (T, Protocol, Option<SocketAddr>) {
    (stream, Protocol::Http1, Some(peer))
}

/// Application that each worker thread serves.
#[derive(Clone)]
struct Application {
    router: Arc<Router>,
    services: Arc<Services>,
    cors_origins: Vec<String>,
    stopping: GracefulShutdownSignal,
}

impl Application {
    /// Returns the HTTP service of a worker thread, for streams with this state.
    fn service<T: AsyncRead + AsyncWrite + Unpin + 'static>(
        &self,
        pipeline: fn(&T) -> Rc<Pipeline>,
        connections: Arc<Connections>,
    ) -> impl ServiceFactory<
        (T, Protocol, Option<SocketAddr>),
        Config = (),
        Response = (),
        Error = DispatchError,
        InitError = (),
    > + use<T> {
        let (router, services) = (Arc::clone(&self.router), Arc::clone(&self.services));
        let app = actix_web::App::new()
            .configure(move |config| mount(config, router))
            .wrap(Condition::new(
                !self.cors_origins.is_empty() || fault!(foreign_origin_shared),
                cors(&self.cors_origins),
            ))
            .wrap(from_fn(move |request, next| wrap(Arc::clone(&services), request, next)));
        let app = app.into_factory().map_err(|error: actix_web::Error| error.error_response());
        let stopping = self.stopping.clone();
        HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(CLOSE_TIMEOUT)
            .on_connect_ext(move |stream: &T, data| {
                data.insert(pipeline(stream));
            })
            .finish(map_config(app, |()| AppConfig::default()))
            .map_err(move |error| {
                if matches!(error, DispatchError::Parse(_)) {
                    connections.count_closed(Closed::MalformedRequest);
                }
                error
            })
    }
}

/// Returns the CORS rules: exact origins, and no cookies. A page sends its token in a header.
pub(super) fn cors(origins: &[String]) -> Cors {
    let cors = origins.iter().fold(Cors::default(), |cors, origin| cors.allowed_origin(origin));
    let cors = if fault!(foreign_origin_shared) { cors.allow_any_origin() } else { cors };
    cors.allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        .allow_any_header()
        .expose_headers([
            // A page corrects its clock by it, for its proofs of possession.
            "date",
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
        Err(error) => Err(StartError::MetricsListen(wanted, error)),
    }
}
