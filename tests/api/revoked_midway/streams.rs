//! A stream ends when the token of its caller is revoked.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::support::{Engine, Server, on_both_engines};

/// Number of audit events: more than the buffers of a connection hold.
const EVENTS: usize = 40_000;

on_both_engines! {
    fn a_stream_is_aborted_by_a_revocation(engine: Engine) {
        let server = Server::start_with(engine, &[]);
        let admin = server.admin();
        server.db_fill_audit(EVENTS);
        let mut stream = TcpStream::connect(server.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
        let token = &admin.token;
        let head = format!(
            "GET /audit HTTP/1.1\r\nhost: localhost\r\naccept: application/x-ndjson\r\n\
             authorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("the server reads");
        let mut read = vec![0; 4096];
        stream.read_exact(&mut read).expect("the stream begins");
        let status = server.put(&format!("{}/status", server.register("other").path()));
        status.bearer(token).json(&json!({ "status": "suspended" })).send().expect(200);
        server.delete("/sessions/current").bearer(token).send().expect(204);
        // An aborted response ends without its last chunk.
        let _ = stream.read_to_end(&mut read);
        assert!(!read.ends_with(b"\r\n0\r\n\r\n"), "the stream ended as if it were complete");
        let lines = read.iter().filter(|byte| **byte == b'\n').count();
        assert!(lines < EVENTS, "{lines} lines");
    }
}
