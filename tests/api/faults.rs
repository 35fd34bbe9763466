//! Faults below the server: lost database, killed or stopped process, overload. Acknowledged changes persist,
//! refused ones have no effect, and requests that do not need the failed part still work.

mod busy;
mod database_tls;
mod frozen;
pub mod outage;
mod proxy;
mod stopping;
mod transient;

use std::time::{Duration, Instant};

use crate::support::{Answer, MASTER_KEY, Request, eventually};

/// Sends a request that the server cannot serve now. Checks for 503 with `Retry-After` within the time limit.
#[track_caller]
pub fn expect_unavailable(what: &str, request: Request) {
    let began = Instant::now();
    let answer = request.send();
    let took = began.elapsed();
    println!("{what}: 503 after {} ms", took.as_millis());
    expect_retry_later(answer, "unavailable");
    // The promise is two seconds; a busy machine may take longer.
    assert!(took < Duration::from_secs(4), "{what} took {took:?}");
}

/// Sends the requests at the same time, so that the test waits for one time-out and not for one after the other.
fn expect_all_unavailable<const N: usize>(requests: [(&str, Request); N]) {
    std::thread::scope(|scope| {
        for (what, request) in requests {
            scope.spawn(move || expect_unavailable(what, request));
        }
    });
}

#[track_caller]
fn expect_retry_later(answer: Answer, code: &str) {
    let answer = answer.expect_problem(503, code);
    let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "{answer:?}");
    for word in ["sqlite", "postgres", "locked", "connection", "socket", "pool"] {
        assert!(!answer.body.to_lowercase().contains(word), "the answer reveals {word}: {answer:?}");
    }
}

/// Returns the settings of a process on this database.
pub fn on_database(url: &str) -> [(&str, &str); 2] {
    [("DATABASE_URL", url), ("CLOAKROOM_MASTER_KEY", MASTER_KEY)]
}
