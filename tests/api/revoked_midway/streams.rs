//! A stream ends when the token of its caller is revoked.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use cloakroom::store::PostgresConnection;
use diesel::SqliteConnection;
use diesel::prelude::*;

use crate::support::{Engine, Server, on_both_engines};

/// Number of audit events: more than the buffers of a connection hold.
const EVENTS: usize = 60_000;

/// Adds audit events with the database's own means.
fn db_add_events(server: &Server) {
    let insert = "INSERT INTO audit (id, at, outcome, action, resource, record, count)";
    let record = "x".repeat(200);
    match server.engine {
        Engine::Sqlite => {
            let path = server.database_url.trim_start_matches("sqlite://");
            let mut conn = SqliteConnection::establish(path).expect("a database");
            let numbers = format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {EVENTS}) \
                 {insert} SELECT randomblob(16), 0, 'done', 'read', 'user', '{record}', 1 FROM n"
            );
            diesel::sql_query(numbers).execute(&mut conn).expect("rows");
        }
        Engine::Postgres => {
            let mut conn = PostgresConnection::establish(&server.database_url).expect("a database");
            let series = format!(
                "{insert} SELECT gen_random_uuid(), now(), 'done', 'read', 'user', '{record}', 1 \
                 FROM generate_series(1, {EVENTS})"
            );
            diesel::sql_query(series).execute(&mut conn).expect("rows");
        }
    }
}

on_both_engines! {
    fn a_revocation_aborts_a_stream(engine: Engine) {
        let server = Server::start_with(engine, &[]);
        let admin = server.admin();
        db_add_events(&server);
        let mut stream = TcpStream::connect(server.address).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out");
        let head = format!(
            "GET /audit HTTP/1.1\r\nhost: localhost\r\naccept: application/x-ndjson\r\n\
             authorization: Bearer {}\r\n\r\n",
            admin.token
        );
        stream.write_all(head.as_bytes()).expect("the server reads");
        let mut read = vec![0; 4096];
        stream.read_exact(&mut read).expect("the stream begins");
        server.delete("/sessions/current").bearer(&admin.token).send().expect(204);
        // An aborted response ends without its last chunk.
        let _ = stream.read_to_end(&mut read);
        assert!(!read.ends_with(b"\r\n0\r\n\r\n"), "the stream ended as if it were complete");
        let lines = String::from_utf8_lossy(&read).matches("\"outcome\"").count();
        assert!((1..EVENTS).contains(&lines), "{lines} lines");
    }
}
