//! `cloakroom config`: all settings and all their errors.

use clap::{ArgMatches, Command};
use serde_json::json;

use super::arguments::json_flag;
use super::output::{Failure, print, print_json};
use crate::app::App;
use crate::config::{Faults, Report, Sources};

pub(super) fn command() -> Command {
    Command::new("config")
        .about("Show all settings: value, source and meaning, and all errors")
        .after_help("Secrets are hidden. Exit code 1 when a setting has an error.\n\nExample:\n  cloakroom config --json")
        .arg(json_flag())
}

pub(super) fn run(app: &App, matches: &ArgMatches, given: &ArgMatches) -> Result<(), Failure> {
    let sources = Sources::from_process(app.settings_list(), matches);
    let report = Report::of(&sources);
    let checked = app.load(&sources);
    if given.get_flag("json") {
        let faults = checked.as_ref().err().map_or_else(|| json!([]), Faults::to_json);
        print_json(&json!({ "settings": report.to_json(), "faults": faults }))?;
    } else {
        print(&report.to_table())?;
    }
    checked?;
    Ok(())
}
