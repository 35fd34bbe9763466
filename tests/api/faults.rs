//! What fails underneath: the database goes away, the process is killed or told to stop, there is
//! more to do than can be done. Nothing that was acknowledged is lost, nothing that was refused
//! happened, and what does not need what is missing goes on.

mod busy;
mod outage;
mod stopping;
mod transient;

use std::time::{Duration, Instant};

use crate::support::{Answer, MASTER_KEY, Request, eventually};

/// Sends a request for which the server cannot do its work now: 503 with `Retry-After`, in time.
#[track_caller]
fn expect_unavailable(what: &str, request: Request) {
    let began = Instant::now();
    let answer = request.send();
    let took = began.elapsed();
    println!("{what}: 503 after {} ms", took.as_millis());
    expect_retry_later(answer, "unavailable");
    // Two seconds are promised; a busy machine may take longer.
    assert!(took < Duration::from_secs(4), "{what} took {took:?}");
}

#[track_caller]
fn expect_retry_later(answer: Answer, code: &str) {
    let answer = answer.expect_problem(503, code);
    let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "{answer:?}");
    for word in ["sqlite", "postgres", "locked", "connection", "socket", "pool"] {
        assert!(!answer.body.to_lowercase().contains(word), "{word} is of the inside: {answer:?}");
    }
}

/// The settings of a process on this database.
fn on_database(url: &str) -> [(&str, &str); 2] {
    [("DATABASE_URL", url), ("CLOAKROOM_MASTER_KEY", MASTER_KEY)]
}
