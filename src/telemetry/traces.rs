//! Traces by OpenTelemetry, sent by OTLP over HTTP. Each request has a span named after the template of its
//! route. In it is a span for each wait for the database or for a password hash. Spans have no personal data.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{
    Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use ureq::tls::TlsConfig;
use url::Url;

/// Timeout for one delivery to the collector.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout for the last delivery at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

tokio::task_local! {
    /// Span of the request that this task answers, if it is traced.
    static REQUEST: (SdkTracer, Context);
}

/// Exporter of spans. It does nothing when the configuration names no collector.
#[derive(Default)]
pub struct Traces(Option<(SdkTracerProvider, SdkTracer)>);

/// Span of a request.
pub(crate) struct Traced(Option<(SdkTracer, Context)>);

impl Traces {
    /// Returns an exporter for this service, which connects to the collector by `tls`.
    ///
    /// # Errors
    /// When the exporter cannot be made.
    pub(crate) fn to(collector: &Url, service: &str, tls: TlsConfig) -> Result<Self, ExporterBuildError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(tls))
            .with_endpoint(collector.as_str())
            .with_timeout(TIMEOUT)
            .build()?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_service_name(service.to_owned()).with_attribute(version);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        let tracer = provider.tracer("cloakroom");
        Ok(Self(Some((provider, tracer))))
    }

    /// Begins the span of a request. Its parent is the span in `traceparent`, if any (W3C Trace Context).
    pub(crate) fn begin(&self, route: &str, method: &str, path: &str, headers: &HeaderMap) -> Traced {
        let Some((_, tracer)) = &self.0 else { return Traced(None) };
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
        let span = tracer.span_builder(route.to_owned()).with_kind(SpanKind::Server).with_attributes([
            KeyValue::new("http.request.method", method.to_owned()),
            KeyValue::new("http.route", path.to_owned()),
        ]);
        let span = span.start_with_context(tracer, &parent);
        Traced(Some((tracer.clone(), parent.with_span(span))))
    }

    /// Delivers the remaining spans.
    pub(crate) async fn end(&self) {
        let Some((provider, _)) = &self.0 else { return };
        let provider = provider.clone();
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT));
        if !matches!(ended.await, Ok(Ok(()))) {
            log::warn!("the last traces could not be delivered");
        }
    }
}

impl Traced {
    /// Runs the work of the request inside its span.
    pub(crate) async fn scope<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.0 {
            Some(request) => REQUEST.scope(request.clone(), work).await,
            None => work.await,
        }
    }

    /// Ends the span with the status of the answer.
    pub(crate) fn answered(self, status: u16, request_id: impl FnOnce() -> String) {
        let Some((_, context)) = self.0 else { return };
        let span = context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        span.set_attribute(KeyValue::new("cloakroom.request_id", request_id()));
        if status >= 500 {
            span.set_attribute(KeyValue::new("error.type", status.to_string()));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// Runs a part of the work of a request in its own span.
pub(crate) async fn step<T>(
    name: &'static str,
    attributes: impl IntoIterator<Item = KeyValue>,
    work: impl Future<Output = T>,
) -> T {
    let Ok((tracer, request)) = REQUEST.try_with(Clone::clone) else { return work.await };
    let span = tracer.span_builder(name).with_kind(SpanKind::Client).with_attributes(attributes);
    let mut span = span.start_with_context(&tracer, &request);
    let done = work.await;
    span.end();
    done
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

/// HTTP client for the collector. The exporter calls it in its own thread, which may block.
struct Collector {
    agent: ureq::Agent,
    unavailable: AtomicBool,
}

impl Collector {
    fn new(tls: TlsConfig) -> Self {
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("cloakroom/", env!("CARGO_PKG_VERSION")));
        Self { agent: config.build().into(), unavailable: AtomicBool::new(false) }
    }

    fn deliver(
        &self,
        request: ureq::http::Request<Bytes>,
    ) -> Result<ureq::http::Response<Bytes>, ureq::Error> {
        let mut answer = self.agent.run(request.map(|body| body.to_vec()))?;
        let body = Bytes::from(answer.body_mut().read_to_vec()?);
        Ok(answer.map(|_| body))
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(
        &self,
        request: ureq::http::Request<Bytes>,
    ) -> Result<ureq::http::Response<Bytes>, HttpError> {
        let delivered = self.deliver(request);
        let failure = match &delivered {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the collector answers {}", answer.status().as_u16())),
            Err(error) => Some(error.to_string()),
        };
        let was_unavailable = self.unavailable.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(why) if !was_unavailable => log::warn!("traces are not delivered: {why}"),
            None if was_unavailable => log::info!("traces are delivered again"),
            _ => {}
        }
        Ok(delivered?)
    }
}
