//! Entry point: runs the command in the arguments of the process.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::ArgMatches;

use super::arguments::is_set;
use super::commands::{command, commands};
use super::context::Context;
use super::output::{Failure, print_errors};
use super::{
    api, audit, backup, check_pull_request, clashes, clients, config, explain, health, jobs, keys, mail,
    migrate, new, serve, token, users, verify,
};
use crate::app::App;
use crate::domain::ClockAndRandom;

impl App {
    /// Runs the command in the arguments of the process. Without a command, it serves.
    pub fn run(self) -> ExitCode {
        self.run_with(std::env::args_os())
    }

    /// Runs the command in these arguments, the first of which is the name of the program.
    pub fn run_with(self, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
        let app = Arc::new(self);
        let faults = [app.faults(), clashes::with_commands(app.settings_list(), commands(&app))].concat();
        if !faults.is_empty() {
            print_errors(&faults);
            return ExitCode::FAILURE;
        }
        let matches = match command(&app).try_get_matches_from(arguments) {
            Ok(matches) => matches,
            Err(error) => {
                // For clap, the help is an "error" with exit code 0. A failure to print has no other place to go.
                let _ = error.print();
                return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
            }
        };
        match dispatch(&app, &matches) {
            Ok(()) | Err(Failure::OutputClosed) => ExitCode::SUCCESS,
            Err(Failure::Errors(lines)) => {
                print_errors(&lines);
                ExitCode::FAILURE
            }
        }
    }
}

fn dispatch(app: &Arc<App>, matches: &ArgMatches) -> Result<(), Failure> {
    let context = || Context::load(app, matches);
    let (name, given) = matches.subcommand().unwrap_or(("serve", matches));
    match name {
        "config" => config::run(app, matches, given),
        "routes" => api::routes(app, matches, given),
        "openapi" => api::openapi(&context()?),
        "audit" => audit::run(&context()?, given),
        "explain" => explain::run(&context()?, given),
        "health" => health::run(&context()?, given),
        "backup" => backup::run(&context()?, given),
        "restore" => backup::restore(&context()?, given),
        "new" => new::run(app, &ClockAndRandom::default().clock, given),
        "migrate" => migrate::run(&context()?, given),
        "token" => token::run(app, matches, given),
        "verify" => verify::run(app, matches, given),
        "check-pull-request" => check_pull_request::run(app, matches, given),
        "users" => users::run(&context()?, given),
        "clients" => clients::run(&context()?, given),
        "keys" => keys::run(&context()?, given),
        "mail" => mail::run(&context()?, given),
        "jobs" => jobs::run(&context()?, given),
        "serve" if is_set(given, "test") => serve::run_test(app, matches, given),
        _ => serve::run(&context()?),
    }
}
