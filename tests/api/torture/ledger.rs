//! Who writes, what they were told, and whether that is what the database has in the end.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::eventually;
use crate::support::{Answer, PASSWORD, Process, Request};

/// So many register people, and as many change a profile again and again.
const WRITERS: usize = 3;

/// What somebody who asked for something was told in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// It was done.
    Done,
    /// It was not done.
    NotDone,
    /// That is not known: the connection broke, or the server said so.
    Unknown,
}

/// What was asked for, and what was told of it.
#[derive(Default)]
pub struct Ledger {
    /// Registrations, by address.
    registrations: Mutex<BTreeMap<String, Told>>,
    /// Of each writer, the names that its profile was given, in their order.
    names: Mutex<BTreeMap<usize, Vec<Told>>>,
    /// How often something was asked for once more.
    repeated: Mutex<usize>,
}

impl Ledger {
    /// Lets them write to the server behind `url` while `disturb` does its worst, and a little longer.
    pub fn of(url: &str, disturb: impl FnOnce(&Self)) -> Self {
        let (ledger, stop) = (Self::default(), AtomicBool::new(false));
        let tokens: Vec<String> = (0..WRITERS).map(|writer| enter(url, writer)).collect();
        std::thread::scope(|scope| {
            for (writer, token) in tokens.iter().enumerate() {
                let (ledger, stop) = (&ledger, &stop);
                scope.spawn(move || ledger.register_people(url, writer, stop));
                scope.spawn(move || ledger.rename_oneself(url, writer, token, stop));
            }
            let stopping = Stopping(&stop);
            eventually("something is acknowledged", || ledger.done() > WRITERS);
            disturb(&ledger);
            let before = ledger.done();
            eventually("something is acknowledged after it", || ledger.done() > before + 2 * WRITERS);
            drop(stopping);
        });
        ledger
    }

    /// How much was acknowledged.
    pub fn done(&self) -> usize {
        let registrations = self.registrations.lock().expect("the ledger");
        let names = self.names.lock().expect("the ledger");
        registrations.values().chain(names.values().flatten()).filter(|told| **told == Told::Done).count()
    }

    /// How much was refused, or not answered.
    pub fn not_done(&self) -> usize {
        let registrations = self.registrations.lock().expect("the ledger");
        let names = self.names.lock().expect("the ledger");
        let all = registrations.values().chain(names.values().flatten());
        all.filter(|told| **told != Told::Done).count() + *self.repeated.lock().expect("the ledger")
    }

    /// People who register, each with a key of their own. Every other one gives up at the first trouble;
    /// the others ask again until they know.
    fn register_people(&self, url: &str, writer: usize, stop: &AtomicBool) {
        for number in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let email = format!("p{number}.{writer}@example.com");
            let body = json!({ "email": email, "password": PASSWORD });
            let register = || {
                let request = Request::new("POST", format!("{url}/users")).json(&body);
                told(&request.header("idempotency-key", &email).try_send())
            };
            let mut told = register();
            while told != Told::Done && number % 2 == 0 && !stop.load(Ordering::Relaxed) {
                *self.repeated.lock().expect("the ledger") += 1;
                std::thread::sleep(Duration::from_millis(20));
                told = match (told, register()) {
                    // What may have been done once stays so, whatever came of asking again.
                    (Told::Unknown, Told::NotDone) => Told::Unknown,
                    (_, told) => told,
                };
            }
            self.registrations.lock().expect("the ledger").insert(email, told);
        }
    }

    /// Somebody whose name is a number that grows.
    fn rename_oneself(&self, url: &str, writer: usize, token: &str, stop: &AtomicBool) {
        for number in 1.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let put = Request::new("PUT", format!("{url}/users/me/profile")).bearer(token);
            let told = told(&put.json(&json!({ "name": number.to_string() })).try_send());
            self.names.lock().expect("the ledger").entry(writer).or_default().push(told);
            if told != Told::Done {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Holds it against what the database has, as the operator reads it. With the number of what was
    /// lost, and of what is there though it was refused.
    #[track_caller]
    pub fn check(&self, directory: &Path, settings: &[(&str, &str)]) {
        let users = exported(directory, settings);
        let registrations = self.registrations.lock().expect("the ledger");
        let there = |email: &str| users.iter().filter(|user| user["email"] == email).count();
        let (mut lost, mut phantom) = (Vec::new(), Vec::new());
        for (email, told) in &*registrations {
            match (told, there(email)) {
                (Told::Done, 0) => lost.push(email.clone()),
                (Told::NotDone, 1..) | (_, 2..) => phantom.push(email.clone()),
                _ => {}
            }
        }
        for (writer, names) in &*self.names.lock().expect("the ledger") {
            let email = email_of(*writer);
            let user = users.iter().find(|user| user["email"] == email).expect("they entered before");
            let name = user["profile"]["name"].as_str().and_then(|name| name.parse().ok()).unwrap_or(0);
            let last_done = names.iter().rposition(|told| *told == Told::Done).map_or(0, |at| at + 1);
            if name < last_done {
                lost.push(format!("{email} is {name}, not {last_done}"));
            } else if name > last_done && names.get(name - 1) != Some(&Told::Unknown) {
                phantom.push(format!("{email} is {name}, not {last_done}"));
            }
        }
        println!(
            "{} acknowledged, {} not or repeated; lost {}, phantom {}",
            registrations.values().filter(|told| **told == Told::Done).count(),
            registrations.values().filter(|told| **told != Told::Done).count()
                + *self.repeated.lock().expect("the ledger"),
            lost.len(),
            phantom.len()
        );
        assert!(lost.is_empty() && phantom.is_empty(), "lost: {lost:?}, phantom: {phantom:?}");
        let made = users.len() - WRITERS;
        let known = registrations.len();
        assert!(made <= known, "{made} people, of {known} who asked");
        // Nor is a line of the trail missing between those that are there.
        let verified = operator(directory, settings, &["audit", "verify", "--json"]);
        println!("{}", verified.trim_end());
    }
}

/// Tells the writers to stop, also when a test fails.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What an answer says of it.
fn told(answer: &Result<Answer, ureq::Error>) -> Told {
    let Ok(answer) = answer else { return Told::Unknown };
    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    match (answer.status, code.as_str()) {
        (200 | 201, _) => Told::Done,
        // The first with this key was done, and its answer was lost.
        (409, "idempotency-key-in-use") => Told::Done,
        (503, "outcome-unknown") => Told::Unknown,
        (503, "unavailable" | "busy" | "stopping") => Told::NotDone,
        _ => panic!("{answer:?}"),
    }
}

fn email_of(writer: usize) -> String {
    format!("writer{writer}@example.com")
}

/// Registers a writer and logs them in.
fn enter(url: &str, writer: usize) -> String {
    let body = json!({ "email": email_of(writer), "password": PASSWORD });
    Request::new("POST", format!("{url}/users")).json(&body).send().expect(201);
    let answer = Request::new("POST", format!("{url}/sessions")).json(&body).send().expect(200);
    answer.json()["access_token"].as_str().expect("a token").to_owned()
}

/// Every account, as `users export` tells it.
fn exported(directory: &Path, settings: &[(&str, &str)]) -> Vec<Value> {
    let lines = operator(directory, settings, &["users", "export"]);
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What the command line says, which does not refuse.
fn operator(directory: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> String {
    let output = Process::command(directory, settings, arguments).output().expect("it runs");
    let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
    let last: String = log.lines().rev().take(5).collect();
    assert!(output.status.success(), "{arguments:?}: {output:?} {last}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
