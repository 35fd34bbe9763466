//! `cloakroom serve`, and `cloakroom` alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::System;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Map, Value, json};

use super::arguments::switch;
use super::context::{Context, start_log};
use super::output::{Failure, print, print_errors};
use crate::app::App;
use crate::config::{Config, Registration, Sources};
use crate::json::parse_strict;
use crate::qa::seeded_records;
use crate::qa::test_server::{self, Seeds, TestServerError};
use crate::server::{Server, StartError};

/// Pause between two looks whether the parent process is there.
const PARENT_PAUSE: Duration = Duration::from_millis(100);

pub(super) fn command() -> Command {
    Command::new("serve")
        .about("Migrate the schema, then serve; the default command")
        .after_help(
            "Examples:\n  \
             cloakroom serve --listen 127.0.0.1:0 --database-url sqlite://data/cloakroom.db\n  \
             cloakroom serve --test --json --listen 127.0.0.1:0   a test server: in memory, with test accounts, loopback only\n  \
             cloakroom serve --test --seed fixtures.json --exit-with-parent",
        )
        .arg(switch("test", "Start a test server: in memory, with test accounts, and a clock that can be set"))
        .arg(switch("json", "With --test: print the URL and the test accounts as one line of JSON").requires("test"))
        .arg(
            Arg::new("seed")
                .long("seed")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .requires("test")
                .help("With --test: create these users, clients and records too; a JSON object, see docs/qa.md"),
        )
        .arg(
            switch("exit-with-parent", "With --test: end when the process that started the server ends")
                .requires("test"),
        )
}

/// Runs a test server.
pub(super) fn run_test(app: &Arc<App>, matches: &ArgMatches, given: &ArgMatches) -> Result<(), Failure> {
    if given.get_flag("exit-with-parent") {
        exit_with_parent();
    }
    let sources = Sources::from_process(app.settings_list(), matches);
    let mut settings = test_server::settings(app, &sources)?;
    start_log(&settings.config);
    let seed = given.get_one::<PathBuf>("seed").map(|file| read_seed(file)).transpose()?;
    if let Some(test) = &mut settings.test {
        test.seed.clone_from(&seed);
    }
    let _database = test_server::hold_database()?;
    System::new().block_on(async {
        let server = app.start(&settings, test_server::clock_and_random()).await?;
        let (test, url) = (server.test(), format!("http://{}", server.address));
        let running = actix_web::rt::spawn(server.run());
        if let (Some(test), Some(seed)) = (&test, seed) {
            let to = url.clone();
            let made = actix_web::web::block(move || seeded_records::create(&to, &seed)).await;
            test.add_records(made.map_err(|error| Failure::new(error.to_string()))??);
        }
        let seeds = test.map(|test| test.seeds());
        let greeting = match given.get_flag("json") {
            true => json!({ "url": url, "environment": "test", "seeds": seeds }).to_string() + "\n",
            false => test_greeting(app.name, &url, seeds.as_ref()),
        };
        if let Err(Failure::Errors(lines)) = print(&greeting) {
            print_errors(&lines);
        }
        let ended = running.await.map_err(|error| Failure::new(error.to_string()))?;
        ended.map_err(|error| Failure::new(format!("the server stopped: {error}")))
    })
}

/// Ends this process soon after the one that started it. The parent of an orphan is another process.
fn exit_with_parent() {
    let parent = std::os::unix::process::parent_id();
    std::thread::spawn(move || {
        while std::os::unix::process::parent_id() == parent {
            std::thread::sleep(PARENT_PAUSE);
        }
        std::process::exit(0);
    });
}

fn read_seed(file: &Path) -> Result<Map<String, Value>, Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::new(format!("{}: {why}", file.display()));
    let text = std::fs::read(file).map_err(|error| wrong(&error))?;
    match parse_strict(&text).map_err(|error| wrong(&error))? {
        Value::Object(object) => Ok(object),
        _ => Err(wrong(&"must be a JSON object")),
    }
}

fn test_greeting(name: &str, url: &str, seeds: Option<&Seeds>) -> String {
    let users = seeds.iter().flat_map(|seeds| &seeds.users).map(|user| {
        let (id, email, roles, status) = (user.id, &user.email, user.roles.join(","), &user.status);
        let password = user.password.as_deref().unwrap_or("(not known)");
        format!("  {email:<22}  {roles:<14}  {status:<10}  {id}  {password:?}\n")
    });
    let clients = seeds.iter().flat_map(|seeds| &seeds.clients).map(|client| {
        let secret = client.client_secret.as_deref().unwrap_or("public");
        format!("  {:<22}  {secret}\n", client.client_id)
    });
    let records = seeds.iter().flat_map(|seeds| &seeds.records);
    let records = records.map(|record| format!("  {}  of {}\n", record.path, record.by)).collect::<String>();
    let records = if records.is_empty() { records } else { format!("\nRecords:\n{records}") };
    format!(
        "{name} TEST SERVER, in memory: all data is lost when it stops\nlistening on {url}\n\n\
         Users, each with its password:\n{}\nClients, each with its secret:\n{}{records}\n\
         GET {url}/test returns this list; POST {url}/test/clock sets the clock, POST {url}/test/reset restores this state\n",
        users.collect::<String>(),
        clients.collect::<String>(),
    )
}

impl From<TestServerError> for Failure {
    fn from(error: TestServerError) -> Self {
        match error {
            TestServerError::Settings(faults) => faults.into(),
            error @ TestServerError::Listen(_) => Self::new(error.to_string()),
        }
    }
}

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    System::new().block_on(async {
        let server = context.app.start(&context.settings, context.clock_and_random.clone()).await?;
        // A failure to print the greeting does not stop the server.
        if let Err(Failure::Errors(lines)) = print(&greeting(context.app.name, context.config(), &server)) {
            print_errors(&lines);
        }
        server.run().await.map_err(|error| Failure::new(format!("the server stopped: {error}")))
    })
}

fn greeting(name: &str, config: &Config, server: &Server) -> String {
    let (address, issuer, database) = (server.address, &server.issuer, config.database.describe());
    let own = config.authorization_server.then_some(issuer.as_str());
    let issuers: Vec<&str> =
        own.into_iter().chain(config.trusted_issuers.iter().map(|trusted| trusted.issuer())).collect();
    let (issuers, next) = (issuers.join(", "), what_next(name, config, issuer));
    let metrics = match server.metrics_address() {
        Some(address) => format!("metrics http://{address}/metrics\n"),
        None => String::new(),
    };
    format!(
        "listening on {}://{address}\ndatabase {database}\nissuer {issuers}\n{metrics}\nWhat to try next:\n{next}",
        config.scheme(),
    )
}

fn what_next(name: &str, config: &Config, issuer: &str) -> String {
    // Without the authorization server, no user can log in to an account created here.
    if !config.authorization_server {
        return format!(
            "  List the accepted issuers, then send a token:\n    \
             curl {issuer}/.well-known/oauth-protected-resource\n    \
             curl -H 'authorization: Bearer …' {issuer}/users/me\n"
        );
    }
    let register = match config.registration {
        Registration::Closed => String::new(),
        Registration::Open | Registration::Verified => format!(
            "  Register:\n    curl -H 'content-type: application/json' \\\n      \
             -d '{{\"email\": \"ada@example.com\", \"password\": \"a most unusual passphrase\"}}' \\\n      \
             {issuer}/users\n"
        ),
    };
    format!(
        "{register}  Create an administrator, on this machine and with the same settings:\n    \
         {name} users create --email you@example.com --role admin\n"
    )
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Store(error) => error.into(),
            StartError::Listen(..) => {
                Self::new(format!("{error}; choose another address with --listen, such as 127.0.0.1:0"))
            }
            StartError::MetricsListen(..) => Self::new(format!(
                "{error}; choose another address with --metrics-listen, such as 127.0.0.1:0, or off"
            )),
            _ => Self::new(error.to_string()),
        }
    }
}
