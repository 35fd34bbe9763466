//! OpenTelemetry traces: what a collector receives by OTLP over HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;

use crate::support::{Engine, PASSWORD, Process, Server, eventually, free_port, on_both_engines};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Collector that keeps what it receives.
#[derive(Clone, Default)]
struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    services: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    fn listen(&self, listener: TcpListener) {
        let collector = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.expect("a connection"));
                let (mut line, mut length) = (String::new(), 0);
                stream.read_line(&mut line).expect("a request");
                assert_eq!(line.trim_end(), "POST /v1/traces HTTP/1.1");
                while line.trim_end() != "" {
                    line.clear();
                    stream.read_line(&mut line).expect("a header");
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a number");
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).expect("a body");
                collector.take(&body);
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.get_mut().write_all(answer.as_bytes()).expect("it is read");
            }
        });
    }

    fn take(&self, body: &[u8]) {
        let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
        for resource in request.resource_spans {
            let attributes = resource.resource.into_iter().flat_map(|resource| resource.attributes);
            let name = attributes.filter(|attribute| attribute.key == "service.name");
            self.services.lock().unwrap().extend(name.filter_map(|name| text(name.value?.value?)));
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.spans.lock().unwrap().extend(spans);
        }
    }

    /// Returns the spans of this name.
    fn spans(&self, name: &str) -> Vec<Span> {
        self.spans.lock().unwrap().iter().filter(|span| span.name == name).cloned().collect()
    }

    /// Waits for a span of this name and returns the first.
    #[track_caller]
    fn span(&self, name: &str) -> Span {
        eventually(name, || !self.spans(name).is_empty());
        self.spans(name).remove(0)
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    text(found.value.clone()?.value?)
}

fn start(engine: Engine) -> (Server, Collector) {
    let (listener, collector) = (TcpListener::bind("127.0.0.1:0").unwrap(), Collector::default());
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    collector.listen(listener);
    (Server::start_with(engine, &[("CLOAKROOM_OTLP_ENDPOINT", &endpoint)]), collector)
}

on_both_engines! {
    fn request_span_has_its_children_and_no_personal_data(engine: Engine) {
        let (server, collector) = start(engine);
        let ada = server.register("ada");
        let read = server.get(&ada.path()).bearer(&ada.token);
        let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let answer = read.header("traceparent", &parent).send().expect(200);
        server.get(&ada.path()).send().expect(401);

        let span = collector.span("GET /users/{id}");
        assert_eq!(hex(&span.trace_id), TRACE, "the span belongs to the caller's trace");
        assert_eq!(hex(&span.parent_span_id), "00f067aa0ba902b7");
        assert_eq!(attribute(&span, "http.route").as_deref(), Some("/users/{id}"));
        assert_eq!(attribute(&span, "http.request.method").as_deref(), Some("GET"));
        assert_eq!(attribute(&span, "http.response.status_code").as_deref(), Some("200"));
        assert_eq!(attribute(&span, "cloakroom.request_id").as_deref(), answer.header("x-request-id"));
        let within = |name: &str, span: &Span| {
            collector.spans(name).into_iter().filter(|other| other.parent_span_id == span.span_id).collect::<Vec<_>>()
        };
        let system = if engine == Engine::Sqlite { "sqlite" } else { "postgresql" };
        let database = within("database", &span);
        assert_eq!(database.len(), 1);
        assert_eq!(attribute(&database[0], "db.system.name").as_deref(), Some(system));
        assert_eq!(database[0].trace_id, span.trace_id);
        let login = collector.span("POST /sessions");
        assert_eq!(within("password hash", &login).len(), 1);
        eventually("the refusal", || collector.spans("GET /users/{id}").len() == 2);
        let refusal = collector.spans("GET /users/{id}").remove(1);
        assert_eq!(attribute(&refusal, "http.response.status_code").as_deref(), Some("401"));
        assert!(within("database", &refusal).is_empty(), "a refusal needs no database");
        assert_eq!(collector.services.lock().unwrap().first().map(String::as_str), Some("cloakroom"));
        let everything = format!("{:?}", collector.spans.lock().unwrap());
        for secret in [&ada.id, &ada.email, &ada.token, PASSWORD] {
            assert!(!everything.contains(secret), "{secret} is in {everything}");
        }
    }
}

#[test]
fn shutdown_delivers_pending_spans() {
    let (listener, collector) = (TcpListener::bind("127.0.0.1:0").unwrap(), Collector::default());
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    collector.listen(listener);
    let dir = tempfile::tempdir().unwrap();
    let mut server = Process::start(dir.path(), &[("CLOAKROOM_OTLP_ENDPOINT", &endpoint)]);
    server.get("/health/ready").send().expect(200);
    server.terminate();
    assert!(server.wait().success());
    assert_eq!(collector.spans("GET /health/ready").len(), 1);
}

#[test]
fn missing_collector_delays_nothing_and_is_logged_once() {
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let dir = tempfile::tempdir().unwrap();
    let mut server = Process::start(dir.path(), &[("CLOAKROOM_OTLP_ENDPOINT", &endpoint)]);
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    server.post("/users").json(&body).send().expect(201);
    eventually("the failure is logged", || server.log().contains("traces are not delivered"));
    server.terminate();
    assert!(server.wait().success());
    assert_eq!(server.log().matches("traces are not delivered").count(), 1);
}

#[test]
fn refuses_an_invalid_collector_url() {
    let dir = tempfile::tempdir().unwrap();
    for wrong in ["collector:4317", "ftp://collector", "http://user:secret@collector"] {
        let mut command = Process::command(dir.path(), &[("CLOAKROOM_OTLP_ENDPOINT", wrong)], &["config"]);
        assert_eq!(command.output().unwrap().status.code(), Some(1), "{wrong}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
