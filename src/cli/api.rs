//! `cloakroom routes` and `cloakroom openapi`: the API described. No database is touched.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::json;

use super::arguments::required;
use super::context::Context;
use super::output::{Failure, print, print_json};
use crate::App;
use crate::authz::matrix::{Change, Direction, Matrix, as_html, as_markdown, as_table, difference};
use crate::config::Sources;
use crate::http::openapi_document;

pub(super) fn routes_command() -> Command {
    let formats = PossibleValuesParser::new(["table", "markdown", "json", "html"]);
    let format = Arg::new("format").long("format").value_name("FORMAT").value_parser(formats);
    let diff = Arg::new("diff").long("diff").value_name("OLD.json").value_parser(value_parser!(PathBuf));
    Command::new("routes")
        .about("Print the authorization matrix: each route, and what each kind of caller is answered")
        .after_help(
            "Examples:\n  \
             cloakroom routes --format html > who-may-do-what.html\n  \
             cloakroom routes --format json > before.json\n  \
             cloakroom routes --diff before.json     what has changed since; exit 1 if somebody may do more",
        )
        .arg(format.default_value("table").help("The form of the matrix"))
        .arg(diff.help("Say what has changed since this matrix (of --format json, or of GET /authz/matrix)"))
}

pub(super) fn openapi_command() -> Command {
    Command::new("openapi")
        .about("Print the OpenAPI 3.1 document")
        .after_help("Example:\n  cloakroom openapi --issuer https://id.example.org > openapi.json")
}

/// What is wrong with the settings is no reason not to show the routes; then it shows them all.
pub(super) fn routes(app: &App, matches: &ArgMatches, given: &ArgMatches) -> Result<(), Failure> {
    let settings = app.load(&Sources::from_process(app.settings_list(), matches));
    let matrix = settings.map_or_else(|_| app.matrix(), |settings| app.matrix_served(&settings.config));
    if let Some(old) = given.get_one::<PathBuf>("diff") {
        return tell_difference(&read_matrix(old)?, &matrix);
    }
    match required::<String>(given, "format")?.as_str() {
        "json" => print_json(&json!(matrix)),
        "html" => print(&(as_html(&matrix) + "\n")),
        "markdown" => print(&as_markdown(&matrix)),
        _ => print(&as_table(&matrix)),
    }
}

fn read_matrix(path: &Path) -> Result<Matrix, Failure> {
    let cannot = |why: &dyn std::fmt::Display| {
        Failure::new(format!("{} is no matrix as `routes --format json` prints it: {why}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| cannot(&error))?;
    serde_json::from_str(&text).map_err(|error| cannot(&error))
}

fn tell_difference(before: &Matrix, now: &Matrix) -> Result<(), Failure> {
    let changes = difference(before, now);
    let line = |change: &Change| {
        let sign = match change.direction {
            Direction::Wider => "wider   ",
            Direction::Narrower => "narrower",
            Direction::Neither => "other   ",
        };
        format!("{sign}  {} {}\n", change.of, change.what)
    };
    if changes.is_empty() {
        return print("nobody may do more or less than before\n");
    }
    print(&changes.iter().map(line).collect::<String>())?;
    match changes.iter().filter(|change| change.direction == Direction::Wider).count() {
        0 => Ok(()),
        wider => Err(Failure::new(format!(
            "{wider} of {} changes let somebody do more than before, or may; look at them, and keep the new matrix \
             once they are meant: routes --format json",
            changes.len()
        ))),
    }
}

pub(super) fn openapi(context: &Context) -> Result<(), Failure> {
    let (app, config) = (&context.app, context.config());
    let (routes, issuer) = (app.routes_served(config), config.issuer_at(config.listen));
    print_json(&openapi_document(app.name, &routes, app.vocabulary(), &issuer))
}
