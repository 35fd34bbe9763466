//! `cloakroom check-pull-request`: the two checks of authorization that a pull request needs.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command as Program, Stdio};
use std::sync::Arc;

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::Value;

use super::arguments::{required, switch};
use super::output::Failure;
use super::{api, verify};
use crate::app::App;

/// Options that the verification has too.
const FILES: [(&str, &str); 2] =
    [("junit", "Write the report of the verification as JUnit XML"), ("html", "Write it as an HTML page")];

pub(super) fn command() -> Command {
    let file = |name: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(value_parser!(PathBuf))
    };
    Command::new("check-pull-request")
        .about("Check the authorization of a change: no caller gains access, and every route does what the matrix says")
        .after_help(
            "BASE.json is the matrix of the branch that the change goes to. Keep it in the repository:\n  \
             cloakroom routes --format json > authorization.json\n\n\
             The command compares the matrix of this program with it (routes --diff). Then it starts a test server of \
             this program, and verifies it (verify --require-all). Both are reported, also when the first one fails.\n\n\
             Example:\n  \
             git show origin/main:authorization.json > base.json\n  \
             cloakroom check-pull-request base.json --reviewed authorization.json --junit verify.xml\n\n\
             With --reviewed, an intended change can pass: the file is the new matrix, as the change has it. Its reviewers \
             see in it who gains access. A file that is not the matrix of this program fails.\n\n\
             Exit codes: 0 no caller gains access unreviewed and every answer is right, 1 otherwise, 2 wrong usage.",
        )
        .arg(file("base").long(None).value_name("BASE.json").required(true).help("The matrix before the change"))
        .arg(file("reviewed").help("The matrix after the change, which its reviewers read"))
        .args(FILES.map(|(name, help)| file(name).help(help)))
        .arg(switch("no-timing", "Do not compare response times"))
}

pub(super) fn run(app: &Arc<App>, matches: &ArgMatches, given: &ArgMatches) -> Result<(), Failure> {
    let base = api::read_matrix(&required::<PathBuf>(given, "base")?)?;
    let reviewed = given.get_one::<PathBuf>("reviewed");
    if let Some(file) = reviewed {
        api::check_current(app, matches, file)?;
    }
    let compared = match api::compare_with(app, matches, &base) {
        Err(Failure::Errors(_)) if reviewed.is_some() => Ok(()),
        Err(Failure::OutputClosed) => return Err(Failure::OutputClosed),
        compared => compared,
    };
    let verified = verify_here(app, matches, given);
    match (compared, verified) {
        (Err(Failure::Errors(first)), Err(Failure::Errors(second))) => {
            Err(Failure::Errors([first, second].concat()))
        }
        (compared, verified) => compared.and(verified),
    }
}

/// Verifies a test server of this program.
fn verify_here(app: &Arc<App>, matches: &ArgMatches, given: &ArgMatches) -> Result<(), Failure> {
    let server = Server::start(app)?;
    let mut arguments =
        vec!["verify".into(), "--target".into(), server.url.clone().into(), "--require-all".into()];
    for (name, _) in FILES {
        let file = given.get_one::<PathBuf>(name);
        arguments.extend(file.into_iter().flat_map(|file| [format!("--{name}").into(), file.into()]));
    }
    if given.get_flag("no-timing") {
        arguments.push("--no-timing".into());
    }
    let arguments: Vec<std::ffi::OsString> = arguments;
    let given = verify::command().try_get_matches_from(arguments);
    verify::run(app, matches, &given.map_err(|error| Failure::new(error.to_string()))?)
}

/// Test server in a process of its own, which ends with this value.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// Starts the server without the settings of this machine, so that they do not decide the result.
    fn start(app: &App) -> Result<Self, Failure> {
        let failed =
            |why: &dyn std::fmt::Display| Failure::new(format!("the test server does not start: {why}"));
        let mut program = Program::new(std::env::current_exe().map_err(|error| failed(&error))?);
        program.args(["serve", "--test", "--json", "--listen", "127.0.0.1:0", "--exit-with-parent"]);
        program.args(["--rust-log", "warn"]);
        for setting in app.settings_list().iter().filter(|setting| is_of_machine(setting.variable)) {
            program.env_remove(setting.variable);
        }
        // There is no `.env`.
        program.current_dir(std::env::temp_dir()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = program.spawn().map_err(|error| failed(&error))?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(|error| failed(&error))?;
        }
        let said: Value = serde_json::from_str(&line).unwrap_or_default();
        let url = said.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
        let server = Self { process, url };
        if server.url.is_empty() { Err(failed(&"see the lines above")) } else { Ok(server) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with this process at the latest.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_of_machine(variable: &str) -> bool {
    variable.starts_with("CLOAKROOM_") || variable == "DATABASE_URL" || variable == "RUST_LOG"
}
