//! The command line: serve, and the operator's commands, one file a group. Standard output carries
//! the result alone; what went wrong is a line on standard error, and the exit code is 1.

mod api;
mod clashes;
mod clients;
mod config;
mod context;
mod migrate;
mod output;
mod password;
mod scope;
mod serve;
mod users;

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::SettingsList;
use context::Context;
use output::Failure;

/// Runs the command that the process was started with, in a program that has these settings.
pub fn run(settings: SettingsList) -> ExitCode {
    let clashes = clashes::clashes(settings, commands());
    if !clashes.is_empty() {
        output::complain(&clashes);
        return ExitCode::FAILURE;
    }
    let matches = match command(settings).try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help is an "error" too, of exit code 0. There is nobody else to tell if it fails.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(settings, &matches) {
        Ok(()) | Err(Failure::NobodyReads) => ExitCode::SUCCESS,
        Err(Failure::Said(lines)) => {
            output::complain(&lines);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(settings: SettingsList, matches: &ArgMatches) -> Result<(), Failure> {
    let context = || Context::load(settings, matches);
    let (name, given) = matches.subcommand().unwrap_or(("serve", matches));
    match name {
        "config" => config::run(settings, matches, given),
        "routes" => api::routes(given),
        "openapi" => api::openapi(&context()?),
        "migrate" => migrate::run(&context()?, given),
        "users" => users::run(&context()?, given),
        "clients" => clients::run(&context()?, given),
        _ => serve::run(&context()?),
    }
}

fn command(settings: SettingsList) -> Command {
    commands().args(settings.flags())
}

fn commands() -> Command {
    Command::new("cloakroom")
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
            users::command(),
            clients::command(),
            api::routes_command(),
            api::openapi_command(),
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
        command(SettingsList::default()).debug_assert();
    }
}
