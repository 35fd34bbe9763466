//! A job runs on one replica at a time, and again after a crash.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use chrono::TimeDelta;
use cloakroom::App;
use cloakroom::authz::action::Delete;
use cloakroom::authz::{Scope, System};
use cloakroom::domain::{User, UserId};
use cloakroom::jobs::{Job, JobError};

use crate::support::{Engine, Server, eventually, on_both_engines};

const USERS_READ_ANY: Scope = Scope::new("users:read:any", "Read everyone's account");
const USERS_DELETE_ANY: Scope = Scope::new("users:delete:any", "Delete everyone's account");
const REMOVE: System = System::new("remove a user", &[USERS_READ_ANY, USERS_DELETE_ANY]);

fn state(server: &Server, of: &str, column: &str) -> i64 {
    server.db_number(&format!("SELECT {column} AS total FROM job_leases WHERE name = '{of}'"))
}

/// Lets a run that does not exist hold the lease of a job for ten seconds, as after a crash.
fn db_hold(server: &Server, job: &str) {
    let (run, until) = match server.engine {
        Engine::Sqlite => {
            let until = (server.clock.now() + TimeDelta::seconds(10)).timestamp_micros();
            ("x'01890a5dac96774bbcceb302099a8057'".to_owned(), until.to_string())
        }
        Engine::Postgres => {
            let until = server.clock.now() + TimeDelta::seconds(10);
            ("'01890a5d-ac96-774b-bcce-b302099a8057'".to_owned(), format!("'{}'", until.to_rfc3339()))
        }
    };
    server.db_run(&format!("UPDATE job_leases SET run = {run}, held_until = {until} WHERE name = '{job}'"));
}

on_both_engines! {
    fn another_replica_takes_over_when_a_lease_expires(engine: Engine) {
        let server = Server::start_app_with_standing_clock(engine, super::app);
        let _replica = server.replica();
        eventually("it has run", || state(&server, "tick", "count(succeeded_at)") == 1);
        let runs = state(&server, "tick", "runs");
        db_hold(&server, "tick");
        server.clock.advance(TimeDelta::seconds(9));
        // It is due, but its lease is held. Both replicas look each second.
        std::thread::sleep(Duration::from_millis(2_500));
        assert_eq!(state(&server, "tick", "runs"), runs);
        server.clock.advance(TimeDelta::seconds(2));
        eventually("it runs again", || state(&server, "tick", "runs") > runs);
        assert_eq!(state(&server, "tick", "failures"), 1, "the interrupted run counts as failed");
    }
}

/// The user to remove, and the channels by which the test and the run wait for each other.
type Steps = Option<(UserId, mpsc::Sender<()>, mpsc::Receiver<()>, mpsc::Sender<Result<(), String>>)>;

static STEPS: [Mutex<Steps>; 2] = [const { Mutex::new(None) }; 2];

fn app_on_sqlite() -> App {
    App::new("removal").job(REMOVE, Duration::from_secs(1), async |job: Job| remove(job, 0).await)
}

fn app_on_postgres() -> App {
    App::new("removal").job(REMOVE, Duration::from_secs(1), async |job: Job| remove(job, 1).await)
}

/// Decides, lets the test take the lease away, and then tries to delete.
async fn remove(job: Job, test: usize) -> Result<(), JobError> {
    let Some((user, ready, go_on, done)) = STEPS[test].lock().unwrap().take() else { return Ok(()) };
    let user = job.open::<User, Delete>(user).await?.ok_or("no such user")?;
    ready.send(())?;
    tokio::task::spawn_blocking(move || go_on.recv()).await??;
    let removed = job.store().delete_user(user).await.map_err(|error| error.to_string());
    done.send(removed.map(drop))?;
    Ok(())
}

on_both_engines! {
    fn a_run_that_lost_its_lease_changes_nothing(engine: Engine) {
        let (app, test): (fn() -> App, usize) = match engine {
            Engine::Sqlite => (app_on_sqlite, 0),
            Engine::Postgres => (app_on_postgres, 1),
        };
        let server = Server::start_app_with_standing_clock(engine, app);
        let try_to_remove = |name: &str, meanwhile: &dyn Fn()| {
            let user = server.register(name);
            let ((ready, is_ready), (go_on, goes_on), (done, result)) = (mpsc::channel(), mpsc::channel(), mpsc::channel());
            *STEPS[test].lock().unwrap() = Some((user.id.parse().unwrap(), ready, goes_on, done));
            server.clock.advance(TimeDelta::seconds(1));
            is_ready.recv_timeout(Duration::from_secs(60)).unwrap();
            meanwhile();
            go_on.send(()).unwrap();
            let result = result.recv_timeout(Duration::from_secs(60)).unwrap();
            (result, server.get("/users/me").bearer(&user.token).send().status)
        };
        let (removed, status) = try_to_remove("ada", &|| db_hold(&server, "remove a user"));
        assert_eq!((removed, status), (Err("another run has claimed the job".to_owned()), 200));
        server.clock.advance(TimeDelta::seconds(11));
        let (removed, status) = try_to_remove("bob", &|| {});
        assert_eq!((removed, status), (Ok(()), 401));
    }
}
