//! The command line: serve, and the operator's commands, one file a group. Standard output carries
//! the result alone; what went wrong is a line on standard error, and the exit code is 1.

mod api;
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

use crate::config::flags;
use context::Context;
use output::Failure;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help is an "error" too, of exit code 0. There is nobody else to tell if it fails.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(&matches) {
        Ok(()) | Err(Failure::NobodyReads) => ExitCode::SUCCESS,
        Err(Failure::Said(lines)) => {
            output::complain(&lines);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(matches: &ArgMatches) -> Result<(), Failure> {
    let (name, given) = matches.subcommand().unwrap_or(("serve", matches));
    match name {
        "config" => config::run(matches, given),
        "routes" => api::routes(given),
        "openapi" => api::openapi(&Context::load(matches)?),
        "migrate" => migrate::run(&Context::load(matches)?, given),
        "users" => users::run(&Context::load(matches)?, given),
        "clients" => clients::run(&Context::load(matches)?, given),
        _ => serve::run(&Context::load(matches)?),
    }
}

fn command() -> Command {
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
        .args(flags())
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
    #[test]
    fn no_two_flags_of_a_command_meet() {
        super::command().debug_assert();
    }
}
