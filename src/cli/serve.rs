//! `cloakroom serve`, and `cloakroom` alone.

use std::sync::Arc;

use actix_web::rt::System;
use clap::{ArgMatches, Command};
use serde_json::json;

use super::arguments::switch;
use super::context::{Context, start_log};
use super::output::{Failure, print, print_errors};
use crate::app::App;
use crate::config::{Config, Registration, Sources};
use crate::qa::test_server;
use crate::qa::test_server::TestServerError;
use crate::server::{Server, StartError};

pub(super) fn command() -> Command {
    Command::new("serve")
        .about("Migrate the schema, then serve; the default command")
        .after_help(
            "Examples:\n  \
             cloakroom serve --listen 127.0.0.1:0 --database-url sqlite://data/cloakroom.db\n  \
             cloakroom serve --test --json --listen 127.0.0.1:0   a test server: in memory, with test accounts, loopback only",
        )
        .arg(switch("test", "Start a test server: in memory, with test accounts, and a clock that can be set"))
        .arg(switch("json", "With --test: print the URL and the test accounts as one line of JSON").requires("test"))
}

/// Runs a test server. Of the settings, it uses the listening address and those of the log.
pub(super) fn run_test(app: &Arc<App>, matches: &ArgMatches, given: &ArgMatches) -> Result<(), Failure> {
    let sources = Sources::from_process(app.settings_list(), matches);
    let settings = test_server::settings(app, &sources)?;
    start_log(&settings.config);
    let _database = test_server::hold_database()?;
    System::new().block_on(async {
        let server = app.start(&settings, test_server::clock_and_random()).await?;
        let greeting = match given.get_flag("json") {
            true => test_line(&server) + "\n",
            false => test_greeting(app.name, &server),
        };
        if let Err(Failure::Errors(lines)) = print(&greeting) {
            print_errors(&lines);
        }
        server.run().await.map_err(|error| Failure::new(format!("the server stopped: {error}")))
    })
}

fn test_line(server: &Server) -> String {
    let test = server.test();
    let seeds = test.as_deref().map(|test| &test.seeds);
    json!({ "url": server.issuer, "environment": "test", "seeds": seeds }).to_string()
}

fn test_greeting(name: &str, server: &Server) -> String {
    let url = &server.issuer;
    let seeds = server.test().map(|test| test.seeds.clone());
    let users = seeds.iter().flat_map(|seeds| &seeds.users).map(|user| {
        let (id, email, roles, status) = (user.id, &user.email, user.roles.join(","), &user.status);
        format!("  {email:<22}  {roles:<14}  {status:<10}  {id}\n")
    });
    let clients = seeds.iter().flat_map(|seeds| &seeds.clients).map(|client| {
        let secret = client.client_secret.as_deref().unwrap_or("public");
        format!("  {:<22}  {secret}\n", client.client_id)
    });
    let password = seeds.iter().flat_map(|seeds| &seeds.users).next().map(|user| user.password.clone());
    format!(
        "{name} TEST SERVER, in memory: all data is lost when it stops\nlistening on {url}\n\n\
         Users, all with the password {:?}:\n{}\nClients, each with its secret:\n{}\n\
         GET {url}/test returns this list; POST {url}/test/clock sets the clock, POST {url}/test/reset restores this state\n",
        password.unwrap_or_default(),
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
