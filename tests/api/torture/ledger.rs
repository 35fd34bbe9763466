//! Ledger of requests and their outcomes, compared with the final state of the database.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::eventually;
use crate::support::{Answer, PASSWORD, Process, Request};

/// Number of clients that register accounts, and of clients that change a profile repeatedly.
const WRITERS: usize = 3;

/// Final outcome of a request, as its client knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The change was acknowledged.
    Done,
    /// The change was refused.
    NotDone,
    /// Unknown: the connection was lost, or the server reported an unknown outcome.
    Unknown,
}

/// Outcome of every request.
#[derive(Default)]
pub struct Ledger {
    /// Outcome of each registration, by address.
    registrations: Mutex<BTreeMap<String, Outcome>>,
    /// Outcome of each change of a writer's name, in order.
    names: Mutex<BTreeMap<usize, Vec<Outcome>>>,
    /// Number of repeated requests.
    repeated: Mutex<usize>,
}

impl Ledger {
    /// Runs the writers against the server at `url` while `disturb` causes faults, and a little longer.
    pub fn of(url: &str, disturb: impl FnOnce(&Self)) -> Self {
        let (ledger, stop) = (Self::default(), AtomicBool::new(false));
        let tokens: Vec<String> = (0..WRITERS).map(|writer| register_writer(url, writer)).collect();
        std::thread::scope(|scope| {
            for (writer, token) in tokens.iter().enumerate() {
                let (ledger, stop) = (&ledger, &stop);
                scope.spawn(move || ledger.register_people(url, writer, stop));
                scope.spawn(move || ledger.change_own_name(url, writer, token, stop));
            }
            let stopping = Stopping(&stop);
            eventually("something is acknowledged", || ledger.done() > WRITERS);
            disturb(&ledger);
            let before = ledger.done();
            eventually("changes are acknowledged after the fault", || ledger.done() > before + 2 * WRITERS);
            drop(stopping);
        });
        ledger
    }

    /// Returns the number of acknowledged changes.
    pub fn done(&self) -> usize {
        let registrations = self.registrations.lock().expect("the ledger");
        let names = self.names.lock().expect("the ledger");
        registrations
            .values()
            .chain(names.values().flatten())
            .filter(|outcome| **outcome == Outcome::Done)
            .count()
    }

    /// Returns the number of refused, unknown and repeated requests.
    pub fn not_done(&self) -> usize {
        let registrations = self.registrations.lock().expect("the ledger");
        let names = self.names.lock().expect("the ledger");
        let all = registrations.values().chain(names.values().flatten());
        all.filter(|outcome| **outcome != Outcome::Done).count() + *self.repeated.lock().expect("the ledger")
    }

    /// Registers accounts, each with its own idempotency key. Half of the clients retry until they know the
    /// outcome; the others give up after one failure.
    fn register_people(&self, url: &str, writer: usize, stop: &AtomicBool) {
        for number in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let email = format!("p{number}.{writer}@example.com");
            let body = json!({ "email": email, "password": PASSWORD });
            let register = || {
                let request = Request::new("POST", format!("{url}/users")).json(&body);
                outcome(&request.header("idempotency-key", &email).try_send())
            };
            let mut outcome = register();
            while outcome != Outcome::Done && number % 2 == 0 && !stop.load(Ordering::Relaxed) {
                *self.repeated.lock().expect("the ledger") += 1;
                std::thread::sleep(Duration::from_millis(20));
                outcome = match (outcome, register()) {
                    // An unknown outcome stays unknown even if the retry is refused.
                    (Outcome::Unknown, Outcome::NotDone) => Outcome::Unknown,
                    (_, outcome) => outcome,
                };
            }
            self.registrations.lock().expect("the ledger").insert(email, outcome);
        }
    }

    /// Changes the name of a writer to increasing numbers.
    fn change_own_name(&self, url: &str, writer: usize, token: &str, stop: &AtomicBool) {
        for number in 1.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let put = Request::new("PUT", format!("{url}/users/me/profile")).bearer(token);
            let outcome = outcome(&put.json(&json!({ "name": number.to_string() })).try_send());
            self.names.lock().expect("the ledger").entry(writer).or_default().push(outcome);
            if outcome != Outcome::Done {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Compares the ledger with the database as the operator exports it. Prints the numbers of lost changes
    /// and of phantoms, which are changes that were refused but happened.
    #[track_caller]
    pub fn check(&self, directory: &Path, settings: &[(&str, &str)]) {
        let users = exported(directory, settings);
        let registrations = self.registrations.lock().expect("the ledger");
        let there = |email: &str| users.iter().filter(|user| user["email"] == email).count();
        let (mut lost, mut phantom) = (Vec::new(), Vec::new());
        for (email, outcome) in &*registrations {
            match (outcome, there(email)) {
                (Outcome::Done, 0) => lost.push(email.clone()),
                (Outcome::NotDone, 1..) | (_, 2..) => phantom.push(email.clone()),
                _ => {}
            }
        }
        for (writer, names) in &*self.names.lock().expect("the ledger") {
            let email = email_of(*writer);
            let user = users.iter().find(|user| user["email"] == email).expect("the writer is registered");
            let name = user["profile"]["name"].as_str().and_then(|name| name.parse().ok()).unwrap_or(0);
            let last_done =
                names.iter().rposition(|outcome| *outcome == Outcome::Done).map_or(0, |at| at + 1);
            if name < last_done {
                lost.push(format!("{email} is {name}, not {last_done}"));
            } else if name > last_done && names.get(name - 1) != Some(&Outcome::Unknown) {
                phantom.push(format!("{email} is {name}, not {last_done}"));
            }
        }
        println!(
            "{} acknowledged, {} not or repeated; lost {}, phantom {}",
            registrations.values().filter(|outcome| **outcome == Outcome::Done).count(),
            registrations.values().filter(|outcome| **outcome != Outcome::Done).count()
                + *self.repeated.lock().expect("the ledger"),
            lost.len(),
            phantom.len()
        );
        assert!(lost.is_empty() && phantom.is_empty(), "lost: {lost:?}, phantom: {phantom:?}");
        let made = users.len() - WRITERS;
        let known = registrations.len();
        assert!(made <= known, "{made} accounts from {known} registrations");
        // The audit trail has no gap either.
        let verified = operator(directory, settings, &["audit", "verify", "--json"]);
        println!("{}", verified.trim_end());
    }
}

impl Ledger {
    /// Compares the changes that an application reacted to with the database. `delivered` returns the users with a
    /// delivered registration, and `changes` the number of delivered changes of a user's profile. Returns the number
    /// of users.
    #[track_caller]
    pub fn check_deliveries(
        &self,
        directory: &Path,
        settings: &[(&str, &str)],
        delivered: &BTreeSet<String>,
        changes: impl Fn(&str) -> usize,
    ) -> usize {
        let users = exported(directory, settings);
        let id = |user: &Value| user["id"].as_str().expect("an id").to_owned();
        let existing: BTreeSet<String> = users.iter().map(id).collect();
        let forgotten: Vec<_> = existing.difference(delivered).collect();
        let phantom: Vec<_> = delivered.difference(&existing).collect();
        assert!(forgotten.is_empty() && phantom.is_empty(), "forgotten: {forgotten:?}, phantom: {phantom:?}");
        for (writer, names) in &*self.names.lock().expect("the ledger") {
            let email = email_of(*writer);
            let user = users.iter().find(|user| user["email"] == email).expect("the writer is registered");
            let count = |outcome| names.iter().filter(|known| **known == outcome).count();
            let (done, unknown) = (count(Outcome::Done), count(Outcome::Unknown));
            let delivered = changes(&id(user));
            let is_right = (done..=done + unknown).contains(&delivered);
            assert!(is_right, "{email}: {delivered} changes delivered, {done} done, {unknown} unknown");
        }
        existing.len()
    }
}

/// Stops the writers when it is dropped, also when a test panics.
pub struct Stopping<'a>(pub &'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Returns the outcome that an answer reports.
fn outcome(answer: &Result<Answer, ureq::Error>) -> Outcome {
    let Ok(answer) = answer else { return Outcome::Unknown };
    if answer.header("content-type") == Some("text/html") {
        // A load balancer answers itself: 503 while it knows no replica, and 502 or 504 when one did not answer.
        return if answer.status == 503 { Outcome::NotDone } else { Outcome::Unknown };
    }
    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    match (answer.status, code.as_str()) {
        (200 | 201, _) => Outcome::Done,
        // The first request with this key succeeded, and its answer was lost.
        (409, "idempotency-key-in-use") => Outcome::Done,
        (503, "outcome-unknown") => Outcome::Unknown,
        (503, "unavailable" | "busy" | "stopping") => Outcome::NotDone,
        _ => panic!("{answer:?}"),
    }
}

fn email_of(writer: usize) -> String {
    format!("writer{writer}@example.com")
}

/// Registers a writer and logs in.
fn register_writer(url: &str, writer: usize) -> String {
    let body = json!({ "email": email_of(writer), "password": PASSWORD });
    Request::new("POST", format!("{url}/users")).json(&body).send().expect(201);
    let answer = Request::new("POST", format!("{url}/sessions")).json(&body).send().expect(200);
    answer.json()["access_token"].as_str().expect("a token").to_owned()
}

/// Returns every account that `users export` prints.
fn exported(directory: &Path, settings: &[(&str, &str)]) -> Vec<Value> {
    let lines = operator(directory, settings, &["users", "export"]);
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Runs a command that must succeed and returns its standard output.
fn operator(directory: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> String {
    let output = Process::command(directory, settings, arguments).output().expect("it runs");
    let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
    let last: String = log.lines().rev().take(5).collect();
    assert!(output.status.success(), "{arguments:?}: {output:?} {last}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
