//! `cloakroom migrate`: migrates the schema.

use actix_web::rt::System;
use clap::{ArgMatches, Command};
use serde_json::json;

use super::arguments::{json_flag, switch};
use super::context::Context;
use super::output::{Failure, print, print_json};

pub(super) fn command() -> Command {
    Command::new("migrate")
        .about("Migrate the schema to this version; prints the applied migrations")
        .after_help("Example:\n  cloakroom migrate --dry-run --database-url postgres://localhost/cloakroom")
        .args([
            switch("status", "List all migrations, applied or pending").conflicts_with("dry-run"),
            switch("dry-run", "Print the pending migrations without applying them"),
            json_flag(),
        ])
}

pub(super) fn run(context: &Context, matches: &ArgMatches) -> Result<(), Failure> {
    let json = matches.get_flag("json");
    if matches.get_flag("status") {
        return status(context, json);
    }
    let (heading, names) = if matches.get_flag("dry-run") {
        let pending = context.migration_states()?.into_iter().filter(|state| !state.applied);
        ("pending", pending.map(|state| state.name).collect())
    } else {
        ("applied", System::new().block_on(context.app.migrate_when_available(context.config()))?)
    };
    match names.as_slice() {
        _ if json => print_json(&json!({ heading: names })),
        [] => print("nothing to do\n"),
        names => print(&names.iter().map(|name| format!("{heading} {name}\n")).collect::<String>()),
    }
}

fn status(context: &Context, json: bool) -> Result<(), Failure> {
    let states = context.migration_states()?;
    if json {
        return print_json(&json!(states));
    }
    let word = |applied| if applied { "applied" } else { "pending" };
    print(&states.iter().map(|state| format!("{} {}\n", word(state.applied), state.name)).collect::<String>())
}
