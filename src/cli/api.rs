//! `cloakroom routes` and `cloakroom openapi`: the API described. No database is touched.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::context::Context;
use super::output::{Failure, print, print_json};
use super::required;
use crate::App;
use crate::authz::matrix::{as_html, as_markdown, as_table};
use crate::config::Sources;
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

/// What is wrong with the settings is no reason not to show the routes; then it shows them all.
pub(super) fn routes(app: &App, matches: &ArgMatches, given: &ArgMatches) -> Result<(), Failure> {
    let settings = app.load(&Sources::from_process(app.settings_list(), matches));
    let routes =
        settings.map_or_else(|_| app.routes().to_vec(), |settings| app.routes_served(&settings.config));
    let rows = matrix(&routes);
    match required::<String>(given, "format")?.as_str() {
        "json" => print_json(&json!(rows)),
        "html" => print(&(as_html(&rows) + "\n")),
        "markdown" => print(&as_markdown(&rows)),
        _ => print(&as_table(&rows)),
    }
}

pub(super) fn openapi(context: &Context) -> Result<(), Failure> {
    let (app, config) = (&context.app, context.config());
    let (routes, issuer) = (app.routes_served(config), config.issuer_at(config.listen));
    print_json(&openapi_document(app.name, &routes, app.vocabulary(), &issuer))
}
