//! `cloakroom jobs`: what the application does by itself.

use std::sync::Arc;

use actix_web::rt::System;
use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::arguments::{group, json_flag, required};
use super::context::Context;
use super::output::{Failure, print, print_json};
use crate::app::App;
use crate::app::jobs::{DeclaredJob, JobRunner, Ran, Trigger};
use crate::domain::{Time, format_time};
use crate::mail::SEND_MAIL;
use crate::server::resealing::RESEALING;
use crate::server::{MailParts, mail_job, mail_sender, transport};
use crate::store::{Backlog, DUTY, JobState, TrustedStore};
use crate::telemetry::metrics::Metrics;

pub(super) fn command() -> Command {
    let name = Arg::new("name").value_name("NAME").required(true).help("The name of the job");
    group(
        "jobs",
        "List and run jobs: what the application does at intervals and after changes",
        [
            Command::new("list")
                .about("List all with their state, last success, failures and waiting changes")
                .after_help(
                    "The background duties of cloakroom itself are in the list too. Each replica repeats them, and \
                     their last success is recorded once a minute.",
                )
                .arg(json_flag()),
            Command::new("run")
                .about("Run a job now, in this process, unless a replica runs it at the moment")
                .after_help(
                    "A job that reacts to changes also tries those again that it gave up.\n\n\
                     Example:\n  notes jobs run \"empty the archive\"",
                )
                .args([name, json_flag()]),
        ],
    )
}

pub(super) fn run(context: &Context, matches: &ArgMatches) -> Result<(), Failure> {
    let Some((name, given)) = matches.subcommand() else { return Ok(()) };
    let (store, json) = (context.store()?, given.get_flag("json"));
    System::new().block_on(async {
        match name {
            "list" => list(context, &store, json).await,
            _ => run_now(context, store, &required::<String>(given, "name")?, json).await,
        }
    })
}

/// Line of the list: a job of the application, or a background duty.
struct Line {
    name: String,
    /// When it runs, in words.
    when: String,
    state: Option<JobState>,
    /// Changes that wait for it; none for a job that reacts to none.
    backlog: Option<Backlog>,
}

async fn list(context: &Context, store: &TrustedStore, as_json: bool) -> Result<(), Failure> {
    let now = context.clock_and_random.clock.now();
    let lines = lines(&context.app, store).await?;
    if as_json {
        return print_json(&lines.iter().map(Line::as_json).collect());
    }
    let text = lines.iter().map(|line| {
        let word = line.state.as_ref().map_or("never run", |state| match state.failing {
            _ if state.is_held(now) => "running",
            0 => "ok",
            _ => "failing",
        });
        let at = |time: Option<Time>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
        let succeeded = at(line.state.as_ref().and_then(|state| state.succeeded_at));
        let waiting = line.backlog.as_ref().map_or_else(String::new, |backlog| {
            format!("\t{} waiting, {} given up", backlog.waiting, backlog.given_up)
        });
        let plain =
            |error: &str| error.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
        let error = line.error().map_or_else(String::new, |error| format!("\t{}", plain(error)));
        format!("{}\t{}\t{word}\t{succeeded}{waiting}{error}\n", line.name, line.when)
    });
    print(&text.collect::<String>())
}

async fn lines(app: &App, store: &TrustedStore) -> Result<Vec<Line>, Failure> {
    let mut states = store.jobs().await?;
    let mut lines = Vec::new();
    for job in &app.jobs {
        let name = job.system.name();
        let at = states.iter().position(|state| state.name == name);
        let state = at.map(|at| states.remove(at));
        let backlog = match job.trigger {
            Trigger::After(_) => Some(store.backlog(name).await?),
            Trigger::Every(..) => None,
        };
        lines.push(Line { name: name.to_owned(), when: when(job), state, backlog });
    }
    for state in states {
        let duty = state.name.strip_prefix(DUTY);
        let (name, when) = match duty {
            Some(duty) => (duty.to_owned(), "duty of each replica"),
            None if state.name == SEND_MAIL => (state.name.clone(), "after each request for a mail"),
            None if state.name == RESEALING => (state.name.clone(), "while a master key is replaced"),
            None => (state.name.clone(), "not declared any more"),
        };
        let backlog = Some(store.backlog(&state.name).await?);
        let backlog = backlog.filter(|backlog| backlog.waiting + backlog.given_up > 0);
        lines.push(Line { name, when: when.to_owned(), state: Some(state), backlog });
    }
    Ok(lines)
}

/// Returns when a job runs, in words.
fn when(job: &DeclaredJob) -> String {
    match &job.trigger {
        Trigger::Every(every, _) => format!("every {}", humantime::format_duration(*every)),
        Trigger::After(reactions) => {
            let changes: Vec<String> =
                reactions.iter().map(|one| format!("{} {}", one.action, one.resource)).collect();
            format!("after {}", changes.join(", "))
        }
    }
}

impl Line {
    /// Returns the error of a job that fails, or of a change that was not delivered yet.
    fn error(&self) -> Option<&str> {
        let failing = self.state.as_ref().filter(|state| state.failing > 0);
        let undelivered = self.backlog.as_ref().and_then(|backlog| backlog.error.as_deref());
        failing.and_then(|state| state.error.as_deref()).or(undelivered)
    }

    fn as_json(&self) -> Value {
        let state = self.state.as_ref();
        let at = |time: Option<Time>| time.map(|time| format_time(time.0));
        json!({
            "name": self.name,
            "when": self.when,
            "held_until": at(state.and_then(|state| state.held_until)),
            "due_at": at(state.map(|state| state.due_at)),
            "started_at": at(state.and_then(|state| state.started_at)),
            "succeeded_at": at(state.and_then(|state| state.succeeded_at)),
            "failed_at": at(state.and_then(|state| state.failed_at)),
            "error": self.error(),
            "runs": state.map(|state| state.runs),
            "failures": state.map(|state| state.failures),
            "waiting": self.backlog.as_ref().map(|backlog| backlog.waiting),
            "given_up": self.backlog.as_ref().map(|backlog| backlog.given_up),
        })
    }
}

async fn run_now(context: &Context, store: TrustedStore, name: &str, as_json: bool) -> Result<(), Failure> {
    let program = context.app.name;
    let own = if name == SEND_MAIL { Some(mail_job_of(context, &store).await?) } else { None };
    let job = own.as_ref().or_else(|| context.app.jobs.iter().find(|job| job.system.name() == name));
    let job =
        job.ok_or_else(|| Failure::new(format!("there is no job {name:?}; see {program} jobs list")))?;
    let vocabulary = Arc::new(context.vocabulary().clone());
    let (clock_and_random, own) = (context.clock_and_random.clone(), Arc::clone(&context.settings.own));
    let states = Arc::clone(&context.app.states);
    let ran = JobRunner::new(store, vocabulary, clock_and_random, own, states).run_now(job).await?;
    match ran {
        None => Err(Failure::new(format!("a replica runs {name:?} at the moment; see {program} jobs list"))),
        Some(Ran { result: Err(error), .. }) => Err(Failure::new(format!("{name:?} failed: {error}"))),
        Some(Ran { result: Ok(()), .. }) if as_json => print_json(&json!({ "name": name, "done": true })),
        Some(Ran { result: Ok(()), .. }) => print("done\n"),
    }
}

/// Returns the job that sends mail, as a server with this configuration runs it.
async fn mail_job_of(context: &Context, store: &TrustedStore) -> Result<DeclaredJob, Failure> {
    let config = context.config();
    let transport =
        transport(config)?.ok_or_else(|| Failure::new("CLOAKROOM_MAIL_URL is not set: no mail is sent"))?;
    let metrics = Metrics::new(store.engine().name()).map_err(|error| Failure::new(error.to_string()))?;
    let accounts = context.accounts(store).await?;
    let parts = MailParts {
        store: store.clone(),
        mailer: accounts.mailer,
        metrics: metrics.mails,
        clock: context.clock_and_random.clock.clone(),
        issuer: accounts.issuer,
    };
    Ok(mail_job(mail_sender(&context.app, config, transport, parts)?))
}
