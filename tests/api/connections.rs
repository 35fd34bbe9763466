//! Connections: a client that does not read, one that does not send, one that sends too much, and one with
//! too many connections.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Engine, PATIENCE, Request, Server, eventually, send_raw};

const LARGE: &[u8] = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n";

const SMALL: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a request and reads its answer. False when the server closed the connection.
fn is_answered(stream: &mut TcpStream) -> bool {
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    if stream.write_all(SMALL).is_err() {
        return false;
    }
    while !answer.ends_with(b"{\"status\":\"ok\"}") {
        match stream.read(&mut part) {
            Ok(bytes @ 1..) => answer.extend_from_slice(&part[..bytes]),
            _ => return false,
        }
    }
    true
}

fn closed(server: &Server, reason: &str) -> u64 {
    metric(server, &format!("cloakroom_http_connections_closed_total{{reason=\"{reason}\"}}"))
}

fn metric(server: &Server, series: &str) -> u64 {
    let metrics = Request::new("GET", format!("http://{}/metrics", server.metrics.unwrap())).send().body;
    let line =
        metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned));
    line.map_or(0, |value| value.parse().unwrap())
}

const METRICS: (&str, &str) = ("CLOAKROOM_METRICS_LISTEN", "127.0.0.1:0");

#[test]
fn client_that_reads_nothing_is_closed() {
    let server = Server::start_with(Engine::Sqlite, &[METRICS, ("CLOAKROOM_WRITE_TIMEOUT", "1s")]);
    let mut streams: Vec<TcpStream> = (0..20).map(|_| connect(&server)).collect();
    for stream in &mut streams {
        stream.set_nonblocking(true).unwrap();
    }
    let requests = LARGE.repeat(1_000);
    eventually("each connection is reset", || {
        streams.retain_mut(|stream| match stream.write(&requests) {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        });
        streams.is_empty()
    });
    assert_eq!(closed(&server, "write-timeout"), 20);
    assert!(is_answered(&mut connect(&server)));
}

#[test]
fn slow_client_that_reads_gets_every_answer() {
    let server = Server::start_with(Engine::Sqlite, &[METRICS, ("CLOAKROOM_WRITE_TIMEOUT", "3s")]);
    let answers = 40;
    let last = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut stream = connect(&server);
    stream.write_all(&[&LARGE.repeat(answers - 1)[..], last].concat()).unwrap();
    let (mut received, mut part, began) = (Vec::new(), vec![0; 64 * 1024], Instant::now());
    loop {
        let bytes = stream.read(&mut part).unwrap();
        received.extend_from_slice(&part[..bytes]);
        match bytes {
            0 => break,
            // Longer than the timeout, which starts again with each part.
            _ if began.elapsed() < Duration::from_secs(5) => std::thread::sleep(Duration::from_millis(100)),
            _ => {}
        }
    }
    assert!(began.elapsed() > Duration::from_secs(4), "the answers are too short for this test");
    let received = String::from_utf8_lossy(&received);
    assert_eq!(received.matches("HTTP/1.1 200 OK").count(), answers);
    assert_eq!(closed(&server, "write-timeout"), 0);
}

#[test]
fn pipelining_connection_yields_to_others() {
    let server = Server::start_with(Engine::Sqlite, &[METRICS, ("CLOAKROOM_WORKERS", "1")]);
    let (mut pipelining, mut other) = (connect(&server), connect(&server));
    let ended = Arc::new(AtomicBool::new(false));
    let (mut answers, reads_until) = (pipelining.try_clone().unwrap(), Arc::clone(&ended));
    let reader = std::thread::spawn(move || {
        let mut part = vec![0; 64 * 1024];
        while !reads_until.load(Ordering::Relaxed) && answers.read(&mut part).is_ok_and(|bytes| bytes > 0) {}
    });
    let writes_until = Arc::clone(&ended);
    let writer = std::thread::spawn(move || {
        let requests = SMALL.repeat(1_000);
        while !writes_until.load(Ordering::Relaxed) && pipelining.write_all(&requests).is_ok() {}
        let _ = pipelining.shutdown(std::net::Shutdown::Both);
    });
    let answered = "cloakroom_http_requests_total{method=\"GET\",route=\"/health/live\",status=\"200\"}";
    eventually("requests are pipelined", || metric(&server, answered) > 1_000);
    let (before, own) = (metric(&server, answered), 50);
    assert!((0..own).all(|_| is_answered(&mut other)));
    let beside = metric(&server, answered) - before;
    ended.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    reader.join().unwrap();
    // A connection that does not yield has thousands answered before one of another connection.
    assert!(beside < own * 200, "{beside} requests were answered beside {own}");
}

#[test]
fn pipelined_bodies_are_all_read() {
    let server = Server::start(Engine::Sqlite);
    let body = format!("{{\"email\":\"{}\",\"password\":\"x\"}}", "a".repeat(60_000));
    let chunk = |part: &[u8]| format!("{:x}\r\n{}\r\n", part.len(), String::from_utf8_lossy(part));
    let chunks: String = body.as_bytes().chunks(1_000).map(chunk).collect();
    let head = "POST /users HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let sized = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let smallest: String = body.bytes().map(|byte| format!("1\r\n{}\r\n", char::from(byte))).collect();
    let smallest = format!("{head}transfer-encoding: chunked\r\n\r\n{smallest}0\r\n\r\n");
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    let requests = [sized.repeat(3), smallest, chunked.repeat(2), sized].concat();
    let mut stream = connect(&server);
    let mut answers = stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        stream.write_all(requests.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut received = String::new();
    answers.read_to_string(&mut received).unwrap();
    writer.join().unwrap();
    assert_eq!(received.matches("HTTP/1.1 422").count(), 7, "{received}");
}

#[test]
fn head_of_each_request_must_arrive_in_time() {
    let server = Server::start_with(Engine::Sqlite, &[METRICS]);
    let mut streams: Vec<TcpStream> = (0..4).map(|_| connect(&server)).collect();
    for stream in &mut streams {
        assert!(is_answered(stream));
        stream.write_all(b"GET /health/live HTTP/1.1\r\n").unwrap();
    }
    for (number, stream) in streams.iter_mut().enumerate() {
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        eventually("the connection is closed", || {
            // One half goes on sending, a little at a time.
            let sent = number % 2 == 0 || stream.write(b"a").is_ok();
            let ended = match stream.read(&mut [0; 4096]) {
                Ok(bytes) => bytes == 0,
                Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            };
            !sent || ended
        });
    }
    assert_eq!(closed(&server, "head-timeout"), 4);
}

#[test]
fn connections_of_one_address_are_bounded() {
    let limit = ("CLOAKROOM_CONNECTIONS_PER_ADDRESS", "3");
    let server = Server::start_with(Engine::Sqlite, &[limit]);
    let mut open: Vec<TcpStream> = (0..3).map(|_| connect(&server)).collect();
    assert!(open.iter_mut().all(is_answered));
    assert!(!is_answered(&mut connect(&server)));
    assert!(open.iter_mut().all(is_answered), "the first ones stay");
    open.pop();
    eventually("its place is free", || is_answered(&mut connect(&server)));

    let proxied = Server::start_with(Engine::Sqlite, &[limit, ("CLOAKROOM_TRUSTED_PROXIES", "127.0.0.1")]);
    let mut of_the_proxy: Vec<TcpStream> = (0..10).map(|_| connect(&proxied)).collect();
    assert!(of_the_proxy.iter_mut().all(is_answered));
}

#[test]
fn connection_that_does_not_speak_http_is_counted() {
    let server = Server::start_with(Engine::Sqlite, &[METRICS]);
    for head in [
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\na b: c\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
    ] {
        let answer = send_raw(server.address, head.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    server.get("/health/live").send().expect(200);
    eventually("each is counted", || closed(&server, "malformed-request") == 3);
}
