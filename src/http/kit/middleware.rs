//! The middleware of every request: its id, and the headers that every answer has.

use std::sync::Arc;
use std::time::SystemTime;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};

use super::access_log;
use super::call::RequestId;
use super::pipelining::{Pipeline, TrackedBody};
use super::rate_limit::write_headers;
use super::{Family, Services};
use crate::config::Environment;
use crate::domain::Allowance;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header of a server that is not for production.
pub(crate) const ENVIRONMENT_HEADER: &str = "x-cloakroom-environment";

/// Wraps every request.
pub(crate) async fn wrap(
    services: Arc<Services>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = request_id(&request, &services);
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let in_flight = Pipeline::begin(&request).await;
    let begun = access_log::begin();
    let asks_for_upgrade = request.head().upgrade();
    let mut response = next.call(request).await?;
    if let Some(begun) = begun {
        begun.end(&response, &services, &id);
    }
    let family = response.request().extensions().get::<Family>().copied();
    let left = response.request().extensions().get::<Allowance>().and_then(Allowance::left);
    let headers = response.headers_mut();
    if let Some(left) = left {
        write_headers(left, services.clock.now(), headers);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    if services.environment == Environment::Test {
        // The clock of a test server can be moved, and actix writes the time of the machine unless a date is there.
        let now = header::HttpDate::from(SystemTime::from(services.clock.now()));
        if let Ok(date) = HeaderValue::from_str(&now.to_string()) {
            headers.insert(header::DATE, date);
        }
    }
    if let Some(environment) = services.environment.told() {
        headers.insert(HeaderName::from_static(ENVIRONMENT_HEADER), HeaderValue::from_static(environment));
    }
    if services.issuer_url.starts_with("https://") {
        // A year in which a browser that was here once uses HTTPS only (RFC 6797).
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        let caching = if fault!(answers_stored) { "max-age=60" } else { "no-store" };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        if matches!(family, Some(Family::OAuth | Family::Page)) {
            // RFC 6749 §5.1 requires both.
            headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        }
    }
    // After the shutdown began, the next request of this client goes to another replica. An upgrade, such as Java's
    // client asks for (`h2c`), is ignored (RFC 9110 §7.8), and actix closes such a connection: the client must know.
    if services.shutdown.is_set() || asks_for_upgrade {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response.map_body(|_, body| TrackedBody::of(body, in_flight)))
}

/// Returns the client's own id for the request if it can be logged, or a new one.
fn request_id(request: &ServiceRequest, services: &Services) -> Arc<str> {
    let plain = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(plain);
    match given {
        Some(id) => id.into(),
        None => services.random.uuid_at(services.clock.now()).unwrap_or_default().to_string().into(),
    }
}
