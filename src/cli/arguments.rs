//! Arguments that several commands have.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::output::Failure;

/// Returns a command that has only subcommands.
pub(super) fn group(
    name: &'static str,
    about: &'static str,
    commands: impl IntoIterator<Item = Command>,
) -> Command {
    Command::new(name)
        .about(about)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(commands)
}

/// Returns the flag `--json`.
pub(super) fn json_flag() -> Arg {
    switch("json", "Print JSON")
}

/// Returns a flag without a value.
pub(super) fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// Returns true when a flag is set. Not every command has it.
pub(super) fn is_set(given: &ArgMatches, switch: &str) -> bool {
    given.try_get_one::<bool>(switch).ok().flatten().copied().unwrap_or(false)
}

/// Returns the value of a required argument.
pub(super) fn required<T: Clone + Send + Sync + 'static>(
    matches: &ArgMatches,
    name: &str,
) -> Result<T, Failure> {
    matches.get_one(name).cloned().ok_or_else(|| Failure::new(format!("{name} is missing")))
}
