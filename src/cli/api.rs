//! `cloakroom routes` and `cloakroom openapi`: descriptions of the API. They need no database.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::json;

use super::arguments::required;
use super::context::Context;
use super::output::{Failure, print, print_json};
use crate::app::App;
use crate::authz::matrix::{Change, Direction, Matrix, as_html, as_markdown, as_table, difference};
use crate::config::Sources;
use crate::http::openapi_document;
use crate::text_file::read_text;

pub(super) fn routes_command() -> Command {
    let formats = PossibleValuesParser::new(["table", "markdown", "json", "html"]);
    let format = Arg::new("format").long("format").value_name("FORMAT").value_parser(formats);
    let diff = Arg::new("diff").long("diff").value_name("OLD.json").value_parser(value_parser!(PathBuf));
    Command::new("routes")
        .about("Print the authorization matrix: for each route, the answer to each kind of caller")
        .after_help(
            "Examples:\n  \
             cloakroom routes --format html > authorization-matrix.html\n  \
             cloakroom routes --format json > before.json\n  \
             cloakroom routes --diff before.json     list the changes; exit code 1 if a caller gained access",
        )
        .arg(format.default_value("table").help("Format of the matrix"))
        .arg(diff.help("List the changes since this matrix (from --format json, or GET /authz/matrix)"))
}

pub(super) fn openapi_command() -> Command {
    Command::new("openapi")
        .about("Print the OpenAPI 3.1 document")
        .after_help("Example:\n  cloakroom openapi --issuer https://id.example.org > openapi.json")
}

/// Prints the routes of this configuration. With invalid settings it prints all routes.
pub(super) fn routes(app: &App, matches: &ArgMatches, given: &ArgMatches) -> Result<(), Failure> {
    if let Some(old) = given.get_one::<PathBuf>("diff") {
        return compare_with(app, matches, &read_matrix(old)?);
    }
    let matrix = matrix(app, matches);
    match required::<String>(given, "format")?.as_str() {
        "json" => print_json(&json!(matrix)),
        "html" => print(&(as_html(&matrix) + "\n")),
        "markdown" => print(&as_markdown(&matrix)),
        _ => print(&as_table(&matrix)),
    }
}

fn matrix(app: &App, matches: &ArgMatches) -> Matrix {
    let settings = app.load(&Sources::from_process(app.settings_list(), matches));
    settings.map_or_else(|_| app.matrix(), |settings| app.matrix_served(&settings.config))
}

/// Prints how the matrix differs from an earlier one.
///
/// # Errors
/// When a caller gained access.
pub(super) fn compare_with(app: &App, matches: &ArgMatches, old: &Matrix) -> Result<(), Failure> {
    print_difference(old, &matrix(app, matches))
}

/// Checks that a matrix is that of this configuration.
///
/// # Errors
/// When it is not.
pub(super) fn check_current(app: &App, matches: &ArgMatches, path: &Path) -> Result<(), Failure> {
    match difference(&read_matrix(path)?, &matrix(app, matches)).first() {
        None => Ok(()),
        Some(change) => Err(Failure::new(format!(
            "{} is not the matrix of this program ({} {}); write it again: routes --format json",
            path.display(),
            change.of,
            change.what
        ))),
    }
}

/// Reads a matrix that `routes --format json` printed.
pub(super) fn read_matrix(path: &Path) -> Result<Matrix, Failure> {
    let cannot = |why: &dyn std::fmt::Display| {
        Failure::new(format!("{} is not a matrix from `routes --format json`: {why}", path.display()))
    };
    let text = read_text(path).map_err(|error| cannot(&error))?;
    serde_json::from_str(&text).map_err(|error| cannot(&error))
}

fn print_difference(before: &Matrix, now: &Matrix) -> Result<(), Failure> {
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
        return print("no caller gained or lost access\n");
    }
    print(&changes.iter().map(line).collect::<String>())?;
    match changes.iter().filter(|change| change.direction == Direction::Wider).count() {
        0 => Ok(()),
        wider => Err(Failure::new(format!(
            "{wider} of {} changes give or may give a caller more access; check them, and if they are intended \
             keep the new matrix: routes --format json",
            changes.len()
        ))),
    }
}

pub(super) fn openapi(context: &Context) -> Result<(), Failure> {
    let (app, config) = (&context.app, context.config());
    let (routes, issuer) = (app.routes_served(config), config.issuer_at(config.listen));
    print_json(&openapi_document(app.name, &routes, app.vocabulary(), &issuer))
}
