//! Requests of which the server has the head and a part of the body.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::http::{Answer, Request};
use super::server::Server;
use super::wait::eventually;

/// Number of bytes of the body that are sent at first.
const FIRST_BYTES: usize = 3;

/// Request whose decision is made, and whose body is incomplete.
#[must_use]
pub struct Unfinished {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Server {
    /// Sends the head and the first bytes of a request, and waits until the server has made its decision. The
    /// server needs its metrics: `CLOAKROOM_METRICS_LISTEN`.
    pub fn begin(&self, request: &Request) -> Unfinished {
        let before = self.decisions();
        let mut stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
        let bytes = request.bytes();
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
        let (first, rest) = bytes.split_at((head + FIRST_BYTES).min(bytes.len()));
        stream.write_all(first).expect("the server reads");
        eventually("the decision is made", || self.decisions() > before);
        Unfinished { stream, rest: rest.to_vec() }
    }

    /// Returns the number of decisions since the start.
    fn decisions(&self) -> u64 {
        let address = self.metrics.expect("the metrics are on");
        let metrics = Request::new("GET", format!("http://{address}/metrics")).send().expect(200).body;
        let lines = metrics.lines().filter(|line| line.starts_with("cloakroom_decisions_total{"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }
}

impl Unfinished {
    /// Sends the rest of the body and returns the answer.
    pub fn finish(mut self) -> Answer {
        // A server that refuses early may have closed the connection.
        let _ = self.stream.write_all(&self.rest);
        let mut bytes = Vec::new();
        let _ = self.stream.read_to_end(&mut bytes);
        Answer::parse(&bytes)
    }
}

impl Request {
    /// Returns the bytes of an HTTP/1.1 request after which the connection closes.
    fn bytes(&self) -> Vec<u8> {
        let (method, headers, body) = self.parts();
        let path = self.path();
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        for (name, value) in headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        bytes.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        [bytes.as_bytes(), body].concat()
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        };
        Self { status, headers: head.lines().skip(1).filter_map(header).collect(), body: body.to_owned() }
    }
}
