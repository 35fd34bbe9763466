//! Graceful shutdown on SIGTERM: requests in progress are answered, new ones are refused, and the process
//! exits with 0.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use super::eventually;
use crate::support::{MailServer, PASSWORD, PATIENCE, Process};

/// Login whose head a handler has already accepted; the handler waits for the body.
struct Login {
    stream: TcpStream,
    body: String,
}

impl Login {
    fn begin(server: &Process) -> Self {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD }).to_string();
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "POST /sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             expect: 100-continue\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        Self { stream, body }
    }

    fn send(&mut self, part: std::ops::Range<usize>) {
        self.stream.write_all(&self.body.as_bytes()[part]).unwrap();
    }

    fn answer(mut self) -> String {
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn is_refused(server: &Process) -> bool {
    TcpStream::connect(server.address).is_err()
}

#[test]
fn shutdown_answers_a_request_still_sending_its_body() {
    let dir = TempDir::new().unwrap();
    let mut server = Process::start(dir.path(), &[]);
    server.registration("ada@example.com").send().expect(201);
    let mut login = Login::begin(&server);
    let half = login.body.len() / 2;
    login.send(0..half);
    server.terminate();
    eventually("new connections are refused", || is_refused(&server));
    // Long enough for a server without a real grace period to end.
    std::thread::sleep(Duration::from_secs(2));
    login.send(half..login.body.len());
    let answer = login.answer();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("access_token"), "{answer}");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn shutdown_answers_a_request_in_progress() {
    let dir = TempDir::new().unwrap();
    let mut server = Process::start(dir.path(), &[("CLOAKROOM_ARGON2", "m=65536,t=24,p=1")]);
    server.registration("ada@example.com").send().expect(201);
    let began = Instant::now();
    let mut logins = [Login::begin(&server), Login::begin(&server)];
    for login in &mut logins {
        login.send(0..login.body.len());
    }
    server.terminate();
    eventually("new connections are refused", || is_refused(&server));
    println!("refused after {} ms", began.elapsed().as_millis());
    for login in logins {
        let answer = login.answer();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("access_token"), "{answer}");
    }
    println!("answered after {} ms", began.elapsed().as_millis());
    assert_eq!(server.wait().code(), Some(0));
    println!("ended after {} ms", began.elapsed().as_millis());
}

#[test]
fn not_ready_server_answers_during_the_grace_period() {
    let dir = TempDir::new().unwrap();
    let mut server = Process::start(dir.path(), &[("CLOAKROOM_SHUTDOWN_GRACE", "5m")]);
    server.registration("ada@example.com").send().expect(201);
    assert!(server.get("/health/ready").send().expect(200).header("connection").is_none());
    server.terminate();
    eventually("the server is not ready", || server.get("/health/ready").send().status == 503);
    let answer = server.get("/health/ready").send().expect(503);
    assert_eq!(answer.json()["code"], "stopping");
    server.get("/health/live").send().expect(200);
    let login = server.login("ada@example.com").send().expect(200);
    assert_eq!(login.header("connection"), Some("close"), "the client must use a new connection");
    // A second signal ends the grace period.
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn server_ends_after_its_grace_period() {
    let dir = TempDir::new().unwrap();
    let mut server = Process::start(dir.path(), &[("CLOAKROOM_SHUTDOWN_GRACE", "1s")]);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn second_signal_ends_the_grace_period() {
    let dir = TempDir::new().unwrap();
    let mut server = Process::start(dir.path(), &[("CLOAKROOM_SHUTDOWN_GRACE", "5m")]);
    server.terminate();
    eventually("the server is not ready", || server.get("/health/ready").send().status == 503);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn acknowledged_change_survives_a_restart() {
    let dir = TempDir::new().unwrap();
    let mut server = Process::start(dir.path(), &[]);
    server.registration("ada@example.com").send().expect(201);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    let server = Process::start(dir.path(), &[]);
    server.login("ada@example.com").send().expect(200);
}

#[test]
fn idle_connection_does_not_delay_shutdown() {
    let dir = TempDir::new().unwrap();
    let mut server = Process::start(dir.path(), &[]);
    let idle: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            let mut status = [0; 15];
            stream.read_exact(&mut status).unwrap();
            assert_eq!(&status, b"HTTP/1.1 200 OK");
            stream
        })
        .collect();
    let began = Instant::now();
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    println!("ended after {} ms", began.elapsed().as_millis());
    // Much shorter than the time-out for requests in progress.
    assert!(began.elapsed() < Duration::from_secs(15));
    drop(idle);
}

#[test]
fn mail_server_that_hangs_does_not_delay_shutdown() {
    let (dir, mails) = (TempDir::new().unwrap(), MailServer::start());
    let settings = mails.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut server = Process::start(dir.path(), &settings);
    server.registration("ada@example.com").send().expect(201);
    mails.hang(true);
    server.post("/password-resets").json(&json!({ "email": "ada@example.com" })).send().expect(202);
    mails.wait_for_connection();
    let began = Instant::now();
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    println!("ended after {} ms", began.elapsed().as_millis());
    // Runs of jobs get five seconds, and a mail has a time limit of 40.
    assert!(began.elapsed() < Duration::from_secs(15));
    mails.hang(false);
    // The next start sends the mail.
    let again = Process::start(dir.path(), &settings);
    mails.wait_for("ada@example.com", 1);
    drop(again);
}
