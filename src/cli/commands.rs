//! Commands and flags of the binary.

use std::sync::Arc;

use clap::Command;

use super::{
    api, audit, backup, check_pull_request, clients, config, explain, health, jobs, keys, mail, migrate, new,
    serve, token, users, verify,
};
use crate::app::App;

/// Returns all commands with all flags. Each setting is also a flag of each command. The help of a command
/// shows only its own options and points to the list of settings.
pub(super) fn command(app: &Arc<App>) -> Command {
    point_to_settings(commands(app), app.name).args(app.settings_list().flags())
}

/// Returns all commands, without the flags of the settings.
pub(super) fn commands(app: &Arc<App>) -> Command {
    Command::new(app.name)
        .version(env!("CARGO_PKG_VERSION"))
        .about("User management over HTTP with authorization built in. Without a command it serves.")
        .after_help(
            "Examples:\n  \
             cloakroom                                   serve on this machine, with SQLite\n  \
             cloakroom users create --email you@example.com --role admin\n  \
             cloakroom config                            show all settings and their errors\n\n\
             Exit codes: 0 done, 1 refused or failed, 2 wrong usage.",
        )
        .subcommands([
            serve::command(),
            migrate::command(),
            config::command(),
            users::command(app),
            clients::command(app),
            keys::command(),
            jobs::command(),
            mail::command(),
            api::routes_command(),
            api::openapi_command(),
            explain::command(),
            health::command(),
            audit::command(),
            backup::command(),
            backup::restore_command(),
            token::command(),
            verify::command(),
            check_pull_request::command(),
            new::command(),
        ])
}

/// Adds one line about the settings to the help of a command and of its subcommands.
fn point_to_settings(command: Command, program: &'static str) -> Command {
    let line = format!(
        "Each setting is also a flag, such as --database-url or --log-format. List: {program} config"
    );
    let with_line = |text: Option<String>| match text {
        Some(text) => format!("{text}\n\n{line}"),
        None => line.clone(),
    };
    let short = command.get_after_help().map(ToString::to_string);
    let long = command.get_after_long_help().map(ToString::to_string);
    let command = match long {
        Some(long) => command.after_long_help(with_line(Some(long))),
        None => command,
    };
    command.after_help(with_line(short)).mut_subcommands(|command| point_to_settings(command, program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_a_command_are_unique() {
        command(&Arc::new(App::default())).debug_assert();
    }
}
