//! `cloakroom verify`: verifies the authorization matrix against a running server.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::rt::System;
use clap::{Arg, ArgGroup, ArgMatches, Command, value_parser};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::arguments::{json_flag, switch};
use super::context::Context;
use super::output::{Failure, print, print_json};
use super::remote::{self, Remote};
use crate::app::App;
use crate::authz::action::Delete;
use crate::authz::matrix::{CallerKind, Matrix, difference};
use crate::domain::{Clock, User, UserId, format_time};
use crate::http::{Endpoint, ServedParts};
use crate::qa::test_server;
use crate::qa::verify::{
    Client, Credential, Options, Outcome, RemoveLastAdmin, Report, Request, RouteReport, Stop, Target,
    Verification, VerifyError, as_html, as_junit, mark,
};
use crate::text_file::{read_stdin, read_text};
use crate::token::Keys;

pub(super) fn command() -> Command {
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(value_parser!(PathBuf)).help(help)
    };
    Command::new("verify")
        .about("Call every route as every kind of caller on a running server, and report answers that differ from the rules")
        .after_help(
            "It needs a caller with every scope; on a test server it finds one itself. It creates the users, clients and records that it needs, and removes \
             them at the end. The rules are those of this program; first they are compared with those of the \
             server.\n\n\
             With --keys it also sends tokens with one defect, such as an expired one, and needs no other \
             credential. That requires the server's own settings on this machine. It lists what it cannot try, with \
             the reason.\n\n\
             Examples:\n  \
             cloakroom verify --target http://127.0.0.1:8080        a test server\n  \
             cloakroom verify --target https://staging.example.org --admin qa@example.org --secret-file password.txt \\\n    \
             --junit verify.xml --html verify.html\n  \
             cloakroom verify --target http://127.0.0.1:8080 --keys\n\n\
             Exit codes: 0 every answer is as the rules say, 1 an answer differs or the run failed, 2 wrong usage.",
        )
        .arg(remote::argument().required(true).help("The URL of the server"))
        .arg(Arg::new("admin").long("admin").value_name("EMAIL").help("An administrator, who creates and removes the test accounts"))
        .arg(Arg::new("client").long("client").value_name("CLIENT_ID").help("Or a client that may request every scope, registered for client_secret_basic"))
        .arg(file("token-file", "Or a file with an access token that has every scope; - is standard input"))
        .arg(file("secret-file", "A file with the password or the secret; - is standard input"))
        .group(ArgGroup::new("who").args(["admin", "client", "token-file"]))
        .arg(switch("keys", "Create tokens with the server's signing key, found by the settings of this machine"))
        .arg(file("junit", "Write the report as JUnit XML"))
        .arg(file("html", "Write the report as an HTML page"))
        .arg(switch("require-all", "Fail also when something was not tried"))
        .arg(switch("fail-fast", "End the run at the first check or route where something differs"))
        .arg(switch("no-timing", "Do not compare response times"))
        .arg(switch("i-know-this-is-production", "Run it on a server that does not identify itself as test or staging"))
        .arg(json_flag())
}

pub(super) fn run(app: &Arc<App>, matches: &ArgMatches, given: &ArgMatches) -> Result<(), Failure> {
    let remote = Remote::given(given)?.ok_or_else(|| Failure::new("target is missing"))?;
    let (client, is_for_tests) = (&remote.client, remote.is_test());
    check_environment(&remote, given.get_flag("i-know-this-is-production"))?;
    let mut theirs = read_matrix(client)?;
    // The additional routes of a test server are not tried: one of them resets the server.
    let besides: Vec<String> = test_server::endpoints().iter().map(|endpoint| endpoint.name()).collect();
    theirs.routes.retain(|row| !is_for_tests || !besides.contains(&row.route()));
    let registration_open = is_registration_open(&theirs);
    let endpoints = served(app, &theirs);
    let ours = app.matrix_of(&endpoints, registration_open);
    let (timing, fail_fast) = (!given.get_flag("no-timing"), given.get_flag("fail-fast"));
    let options = Options { careful: true, timing, registration_open, fail_fast };
    let target = target(app, matches, given, &remote)?;
    let progress = Progress::new(endpoints.len());
    let mut report = Verification::run(app, target, options, &endpoints, |route| progress.tell(route));
    let otherwise = difference(&ours, &theirs).into_iter();
    report.general.extend(
        otherwise.map(|change| format!("the server's own matrix differs: {} {}", change.of, change.what)),
    );
    write_files(&report, given)?;
    if given.get_flag("json") {
        print_json(&as_json(&report))?
    } else {
        print(&as_text(app, &report))?
    }
    if let Some(why) = &report.ended {
        return Err(Failure::new(format!("the run ended early: {why}")));
    }
    let untried: usize = report.not_tried().iter().map(|(_, count)| count).sum();
    match report.differences().len() {
        0 if untried > 0 && given.get_flag("require-all") => {
            Err(Failure::new(format!("{untried} answers were not tried, and --require-all is given")))
        }
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} answers differ from the rules"))),
    }
}

/// # Errors
/// For a production server without the explicit flag: it has real users.
fn check_environment(remote: &Remote, known: bool) -> Result<(), Failure> {
    match remote.environment.as_deref() {
        Some("test" | "staging") => Ok(()),
        _ if known => Ok(()),
        _ => Err(Failure::new(format!(
            "{} does not identify itself as a test or staging server (CLOAKROOM_ENVIRONMENT=staging); users and \
             records would be created and removed there: give --i-know-this-is-production if that is intended",
            remote.url
        ))),
    }
}

fn read_matrix(client: &Client) -> Result<Matrix, Failure> {
    let answer = client.send(&Request::get("/authz/matrix"), None)?;
    serde_json::from_value(answer.json()).map_err(|error| {
        Failure::new(format!("the authorization matrix of the server cannot be read: {error}"))
    })
}

/// Returns true when a caller without a token can register there.
fn is_registration_open(matrix: &Matrix) -> bool {
    let register = matrix.routes.iter().find(|row| row.method == "POST" && row.path == "/users");
    register.and_then(|row| row.answers.first()).is_some_and(|answer| answer.allowed)
}

/// Returns this program's routes, without the parts that the server does not have.
fn served(app: &App, theirs: &Matrix) -> Vec<Endpoint> {
    let has = |path: &str| theirs.routes.iter().any(|row| row.path == path);
    let parts = ServedParts {
        authorization_server: has("/oauth/token"),
        docs: has("/docs"),
        mail: has("/password-resets"),
    };
    app.routes().iter().filter(|route| parts.include(route)).cloned().collect()
}

fn target(
    app: &Arc<App>,
    matches: &ArgMatches,
    given: &ArgMatches,
    remote: &Remote,
) -> Result<Target, Failure> {
    let text = |name: &str| given.get_one::<String>(name).cloned();
    let everything = match (text("admin"), text("client"), given.get_one::<PathBuf>("token-file")) {
        (Some(email), ..) => Credential::User(email, secret(given)?),
        (None, Some(id), _) => Credential::Client(id, secret(given)?),
        (None, None, Some(file)) => Credential::Token(read_secret(file)?),
        (None, None, None) if given.get_flag("keys") => Credential::Key,
        (None, None, None) if remote.is_test() => test_client(remote)?,
        (None, None, None) => {
            return Err(Failure::new(
                "give --admin, --client, --token-file or --keys: a caller with every scope",
            ));
        }
    };
    let (url, issuer, audience) = (remote.url.clone(), remote.issuer.clone(), remote.audience.clone());
    let (keys, remove_last_admin) = match given.get_flag("keys") {
        true => {
            let (keys, remove) = keys(app, matches)?;
            (Some(keys), Some(remove))
        }
        false => (None, None),
    };
    let stop = Stop::at_signals().map_err(|error| Failure::new(format!("signals: {error}")))?;
    let is_test_server = remote.is_test();
    Ok(Target { url, issuer, audience, everything, keys, remove_last_admin, is_test_server, stop })
}

/// Returns the client of a test server that has every scope.
fn test_client(remote: &Remote) -> Result<Credential, Failure> {
    let seeds = remote.client.send(&Request::get("/test"), None)?.json();
    let clients = seeds.get("clients").and_then(Value::as_array);
    let everything = clients
        .into_iter()
        .flatten()
        .find(|client| client.get("client_id").and_then(Value::as_str) == Some("everything"));
    let secret = everything.and_then(|client| client.get("client_secret")?.as_str());
    let secret =
        secret.ok_or_else(|| Failure::new("the test server has no client `everything`; give --client"))?;
    Ok(Credential::Client("everything".to_owned(), secret.to_owned()))
}

/// Returns the server's keys, and the operator's way to remove the last administrator.
fn keys(app: &Arc<App>, matches: &ArgMatches) -> Result<(Keys, RemoveLastAdmin), Failure> {
    let context = Context::load(app, matches)?;
    let store = context.store()?;
    let keys = System::new().block_on(context.signing_keys(&store))?;
    let remove = move |id: &str| {
        let id: UserId = id.parse().map_err(|_| "the id of a user is not a UUID".to_owned())?;
        System::new().block_on(async {
            let operator = context.operator();
            let failed = |error: &dyn std::fmt::Display| error.to_string();
            let reach = operator.reach::<User, Delete>().map_err(|_| "not the operator's".to_owned())?;
            let found = store.find(id, reach.lookup_filter()).await.map_err(|error| failed(&error))?;
            let user =
                operator.open::<User, Delete>(found).map_err(|_| "there is no such user".to_owned())?;
            store.delete_even_last_admin(user).await.map_err(|error| failed(&error))
        })
    };
    Ok((keys, Box::new(remove)))
}

fn secret(given: &ArgMatches) -> Result<String, Failure> {
    match given.get_one::<PathBuf>("secret-file") {
        Some(file) => read_secret(file),
        None => Err(Failure::new("the password or the secret is missing: give --secret-file FILE")),
    }
}

fn read_secret(file: &Path) -> Result<String, Failure> {
    let read = match file == Path::new("-") {
        true => read_stdin(64 * 1024),
        false => read_text(file).map(Zeroizing::new),
    };
    let text = read.map_err(|error| Failure::new(format!("{} cannot be read: {error}", file.display())))?;
    Ok(text.trim().to_owned())
}

/// Progress, shown on a terminal.
struct Progress {
    all: usize,
    done: std::cell::Cell<usize>,
    is_seen: bool,
}

impl Progress {
    fn new(all: usize) -> Self {
        Self { all, done: std::cell::Cell::new(0), is_seen: std::io::stderr().is_terminal() }
    }

    fn tell(&self, route: &RouteReport) {
        self.done.set(self.done.get() + 1);
        if self.is_seen {
            let is_wrong = route.cells.iter().any(|cell| matches!(cell.outcome, Outcome::Different(_)));
            let mark = if is_wrong { "✗" } else { "✓" };
            // A failure to write is ignored.
            let _ = writeln!(std::io::stderr(), "{mark} {}/{} {}", self.done.get(), self.all, route.route);
        }
    }
}

fn write_files(report: &Report, given: &ArgMatches) -> Result<(), Failure> {
    let at = format_time(Clock::system().now());
    for (name, text) in
        [("junit", as_junit(report, given.get_flag("require-all"))), ("html", as_html(report, &at))]
    {
        let Some(file) = given.get_one::<PathBuf>(name) else { continue };
        let written = std::fs::write(file, text);
        written.map_err(|error| Failure::new(format!("{} cannot be written: {error}", file.display())))?;
    }
    Ok(())
}

/// Returns a table of routes and kinds of callers, the differences, and what was not tried.
fn as_text(app: &App, report: &Report) -> String {
    let kinds = CallerKind::of_requests(app.vocabulary());
    let width = report.routes.iter().map(|route| route.route.chars().count()).max().unwrap_or(0);
    let heading: Vec<String> = kinds.iter().map(|kind| kind.name()).collect();
    let mut text = format!("{:<width$}  {}\n", "", heading.join("  "));
    for route in &report.routes {
        let marks = kinds.iter().zip(&heading).map(|(kind, name)| {
            let mark = mark_of(route, *kind);
            format!("{mark:<length$}", length = name.chars().count())
        });
        let line = format!("{:<width$}  {}", route.route, marks.collect::<Vec<_>>().join("  "));
        text += line.trim_end();
        text.push('\n');
    }
    text += "\nbeyond the matrix\n";
    for check in &report.checks {
        text += &format!("{} {}\n", mark(&check.outcome), check.rule);
    }
    for (reason, count) in report.not_tried() {
        text += &format!("\nnot tried, {count} times: {reason}");
    }
    let differences = report.differences();
    let told: String = differences.iter().map(|difference| format!("✗ {difference}\n")).collect();
    let verdict = match differences.len() {
        0 => "all are as the rules say".to_owned(),
        count => format!("{count} differ"),
    };
    text += "\n✓ tried and right, ✗ different, ? not everything was tried, – nothing to try";
    let (tried, routes, checks) = (report.tried(), report.routes.len(), report.checks.len());
    format!("{text}\n\n{told}{tried} answers on {routes} routes, {checks} checks: {verdict}\n")
}

/// Returns the mark for a kind of caller: a tick when everything was tried and is as the rules say, a question mark
/// when something was not tried.
fn mark_of(route: &RouteReport, kind: CallerKind) -> &'static str {
    let marks = route.cells.iter().filter(|cell| cell.caller.kind() == kind).map(|cell| &cell.outcome);
    let has = |is: fn(&Outcome) -> bool| marks.clone().any(is);
    if has(|outcome| matches!(outcome, Outcome::Different(_))) {
        "✗"
    } else if has(|outcome| matches!(outcome, Outcome::NotTried(_))) {
        "?"
    } else if has(|outcome| matches!(outcome, Outcome::AsExpected)) {
        "✓"
    } else {
        "–"
    }
}

fn outcome_of(outcome: &Outcome) -> (&'static str, Vec<String>) {
    match outcome {
        Outcome::AsExpected => ("as-expected", Vec::new()),
        Outcome::Different(ways) => ("different", ways.clone()),
        Outcome::NotTried(reason) => ("not-tried", vec![reason.clone()]),
        Outcome::DoesNotApply(reason) => ("does-not-apply", vec![reason.clone()]),
    }
}

fn as_json(report: &Report) -> Value {
    let checks = report.checks.iter().map(|check| {
        let (outcome, why) = outcome_of(&check.outcome);
        json!({ "rule": check.rule, "outcome": outcome, "why": why })
    });
    let routes = report.routes.iter().map(|route| {
        let cells = route.cells.iter().map(|cell| {
            let (outcome, why) = outcome_of(&cell.outcome);
            json!({ "caller": cell.caller.name(), "answer": cell.answer, "outcome": outcome, "why": why })
        });
        json!({ "route": route.route, "callers": cells.collect::<Vec<_>>() })
    });
    json!({
        "target": report.target, "tried": report.tried(), "differences": report.differences(),
        "checks": checks.collect::<Vec<_>>(), "routes": routes.collect::<Vec<_>>(),
    })
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        Self::new(error.to_string())
    }
}
