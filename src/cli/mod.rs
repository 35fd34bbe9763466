//! The command line: serve, and the operator's commands, one file a group. Standard output carries
//! the result alone; what went wrong is a line on standard error, and the exit code is 1.

mod api;
mod audit;
mod backup;
mod clashes;
mod clients;
mod config;
mod context;
mod explain;
mod keys;
mod migrate;
mod named;
mod new;
mod output;
mod password;
mod progress;
mod scope;
mod serve;
mod token;
mod users;
mod verify;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::App;
use crate::domain::ClockAndRandom;
use context::Context;
use output::Failure;

/// Runs the command that the process was started with, in this application.
pub(crate) fn run(app: App) -> ExitCode {
    let app = Arc::new(app);
    let faults = [app.faults(), clashes::with_commands(app.settings_list(), commands(&app))].concat();
    if !faults.is_empty() {
        output::complain(&faults);
        return ExitCode::FAILURE;
    }
    let matches = match command(&app).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help is an "error" too, of exit code 0. There is nobody else to tell if it fails.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(&app, &matches) {
        Ok(()) | Err(Failure::NobodyReads) => ExitCode::SUCCESS,
        Err(Failure::Said(lines)) => {
            output::complain(&lines);
            ExitCode::FAILURE
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
        "backup" => backup::run(&context()?, given),
        "restore" => backup::restore(&context()?, given),
        "new" => new::run(app, &ClockAndRandom::default().clock, given),
        "migrate" => migrate::run(&context()?, given),
        "token" => token::run(app, matches, given),
        "verify" => verify::run(app, matches, given),
        "users" => users::run(&context()?, given),
        "clients" => clients::run(&context()?, given),
        "keys" => keys::run(&context()?, given),
        "serve" if is_set(given, "test") => serve::run_test(app, matches, given),
        _ => serve::run(&context()?),
    }
}

/// Whether a switch is set, which the command may not have.
fn is_set(given: &ArgMatches, switch: &str) -> bool {
    given.try_get_one::<bool>(switch).ok().flatten().copied().unwrap_or(false)
}

fn command(app: &Arc<App>) -> Command {
    commands(app).args(app.settings_list().flags())
}

fn commands(app: &Arc<App>) -> Command {
    Command::new(app.name)
        .version(env!("CARGO_PKG_VERSION"))
        .about("User management over HTTP with authorization built in. Without a command it serves.")
        .after_help(
            "Examples:\n  \
             cloakroom                                   serve on this machine, with SQLite\n  \
             cloakroom users create --email you@example.com --role admin\n  \
             cloakroom config                            every setting, and what is wrong\n\n\
             Settings are environment variables, lines in .env, or flags: see --help.\n\
             Exit codes: 0 done, 1 refused or failed, 2 wrong usage.",
        )
        .subcommands([
            serve::command(),
            migrate::command(),
            config::command(),
            users::command(app),
            clients::command(app),
            keys::command(),
            api::routes_command(),
            api::openapi_command(),
            explain::command(),
            audit::command(),
            backup::command(),
            backup::restore_command(),
            token::command(),
            verify::command(),
            new::command(),
        ])
}

/// A command that is nothing without one of its own.
fn group(name: &'static str, about: &'static str, commands: impl IntoIterator<Item = Command>) -> Command {
    Command::new(name)
        .about(about)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(commands)
}

fn json_flag() -> Arg {
    switch("json", "Answer in JSON")
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// The value of an argument that clap requires.
fn required<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Result<T, Failure> {
    matches.get_one(name).cloned().ok_or_else(|| Failure::new(format!("{name} is missing")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_flags_of_a_command_meet() {
        command(&Arc::new(App::default())).debug_assert();
    }
}
