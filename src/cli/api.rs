//! `cloakroom routes` and `cloakroom openapi`: the API described. No database is touched.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::context::Context;
use super::output::{Failure, print, print_json};
use super::required;
use crate::App;
use crate::authz::matrix::{as_html, as_markdown, as_table};
use crate::http::{matrix, openapi_document};

pub(super) fn routes_command() -> Command {
    let formats = PossibleValuesParser::new(["table", "markdown", "json", "html"]);
    let format = Arg::new("format").long("format").value_name("FORMAT").value_parser(formats);
    Command::new("routes")
        .about("Print the authorization matrix: each route, and who may call it with what")
        .after_help("Example:\n  cloakroom routes --format html > who-may-do-what.html")
        .arg(format.default_value("table").help("The form of the matrix"))
}

pub(super) fn openapi_command() -> Command {
    Command::new("openapi")
        .about("Print the OpenAPI 3.1 document")
        .after_help("Example:\n  cloakroom openapi --issuer https://id.example.org > openapi.json")
}

pub(super) fn routes(app: &App, matches: &ArgMatches) -> Result<(), Failure> {
    let rows = matrix(app.routes());
    match required::<String>(matches, "format")?.as_str() {
        "json" => print_json(&json!(rows)),
        "html" => print(&(as_html(&rows) + "\n")),
        "markdown" => print(&as_markdown(&rows)),
        _ => print(&as_table(&rows)),
    }
}

pub(super) fn openapi(context: &Context) -> Result<(), Failure> {
    let (app, config) = (&context.app, context.config());
    print_json(&openapi_document(app.name, app.routes(), app.vocabulary(), &config.issuer_at(config.listen)))
}
