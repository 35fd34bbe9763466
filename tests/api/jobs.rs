//! Jobs: what an application does at intervals and after changes.

mod example;
mod leases;
mod outbox;
mod program;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use cloakroom::App;
use cloakroom::authz::action::{Create, Read, Update};
use cloakroom::authz::{Scope, System};
use cloakroom::domain::{Profile, ProfileClaim, User};
use cloakroom::jobs::{Event, Job, JobError};
use serde_json::json;

use crate::support::{Person, Server};

const PROFILES_READ_ANY: Scope = Scope::new("profiles:read:any", "Read everyone's profile");

/// Reacts to changes of profiles.
const WATCH: System = System::new("watch profiles", &[PROFILES_READ_ANY]);

/// Deliveries of each user's changes, with the number of failed attempts before.
static SEEN: Mutex<BTreeMap<String, Vec<(i64, i64)>>> = Mutex::new(BTreeMap::new());

/// An application that reacts to changes of cloakroom's own records. A test that runs it as a process reads its
/// deliveries from the file that `TEST_DELIVERIES` names.
pub fn app() -> App {
    App::new("watch").after::<Profile, Update>(WATCH, watch).after::<User, Create>("greet users", greet).job(
        "tick",
        Duration::from_secs(1),
        tick,
    )
}

fn seen() -> MutexGuard<'static, BTreeMap<String, Vec<(i64, i64)>>> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn deliveries_of(user: &Person) -> Vec<(i64, i64)> {
    seen().get(&user.id).cloned().unwrap_or_default()
}

/// Writes a line to the file of deliveries. It stands for an effect outside of the database, such as a mail.
fn deliver(line: &str) -> Result<(), JobError> {
    use std::io::Write as _;
    let Ok(path) = std::env::var("TEST_DELIVERIES") else { return Ok(()) };
    let mut file = std::fs::File::options().create(true).append(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    Ok(())
}

/// Fails while the name in the profile says so.
async fn watch(job: Job, event: Event<Profile>) -> Result<(), JobError> {
    let Some(profile) = job.open::<Profile, Read>(event.record).await? else { return Ok(()) };
    seen().entry(event.record.to_string()).or_default().push((event.id, event.failed_attempts));
    deliver(&format!("profile {} {}", event.record, event.id))?;
    let name = profile.claims.get(&ProfileClaim::Name).cloned().unwrap_or_default();
    drop(profile);
    match name.as_str() {
        "fail" => Err("the profile says so".into()),
        "panic" => panic!("on purpose, with a secret in its message"),
        _ => Ok(()),
    }
}

async fn greet(_: Job, event: Event<User>) -> Result<(), JobError> {
    deliver(&format!("user {} {}", event.record, event.id))?;
    // A process that is killed here has delivered the change, and it is delivered again.
    tokio::time::sleep(Duration::from_millis(20)).await;
    Ok(())
}

async fn tick(job: Job) -> Result<(), JobError> {
    let run = job.new_id::<uuid::Uuid>()?;
    deliver(&format!("begin {run} {}", std::process::id()))?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    deliver(&format!("end {run} {}", std::process::id()))
}

/// Changes the name in a user's profile.
fn rename(server: &Server, user: &Person, name: &str) {
    let token = server.log_in(&user.email);
    server.put("/users/me/profile").bearer(&token).json(&json!({ "name": name })).send().expect(200);
}

fn later(server: &Server, by: TimeDelta) {
    server.clock.advance(by);
}
