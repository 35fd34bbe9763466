//! Report as JUnit XML for a pipeline, and as an HTML page for people.

use std::time::Duration;

use maud::{Markup, html};

use super::caller::Caller;
use super::report::Cell;
use super::{CheckReport, Outcome, Report, RouteReport};
use crate::authz::matrix::document;

/// Returns JUnit XML: one suite for each route, one case for each caller. With `require_all`, a case that was not
/// tried is a failure.
pub(crate) fn as_junit(report: &Report, require_all: bool) -> String {
    let general: Vec<String> = report.ended.iter().map(|why| format!("the run ended early: {why}")).collect();
    let general = [general, report.general.clone()].concat();
    let cells = || report.routes.iter().flat_map(|route| &route.cells).map(|cell| (&cell.outcome, cell.took));
    let all = || report.checks.iter().map(|check| (&check.outcome, check.took)).chain(cells());
    let failures = all().filter(|(outcome, _)| is_failure(outcome, require_all)).count() + general.len();
    let tests = all().count() + general.len().max(1);
    let time = seconds(all().map(|(_, took)| took).sum());
    let suites = html! {
        testsuites name={ "cloakroom verify " (report.target) } tests=(tests) failures=(failures) time=(time) {
            testsuite name="the server" tests=(general.len().max(1)) failures=(general.len()) time="0.000" {
                @if general.is_empty() { testcase classname="the server" name="as a whole" time="0.000" {} }
                @for wrong in &general {
                    testcase classname="the server" name=(wrong) time="0.000" { failure message=(wrong) {} }
                }
            }
            (check_suite(&report.checks, require_all))
            @for route in &report.routes { (suite(route, require_all)) }
        }
    };
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", suites.into_string())
}

fn is_failure(outcome: &Outcome, require_all: bool) -> bool {
    match outcome {
        Outcome::Different(_) => true,
        Outcome::NotTried(_) => require_all,
        Outcome::AsExpected | Outcome::DoesNotApply(_) => false,
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

/// Case of a suite: its name, its outcome, the answer, and the duration.
type Case<'a> = (String, &'a Outcome, &'a str, Duration);

fn check_suite(checks: &[CheckReport], require_all: bool) -> Markup {
    let cases = checks.iter().map(|check| (check.rule.to_owned(), &check.outcome, "", check.took));
    suite_of("beyond the matrix", &cases.collect::<Vec<_>>(), require_all)
}

fn suite(route: &RouteReport, require_all: bool) -> Markup {
    let cases = route.cells.iter();
    let cases = cases.map(|cell| (cell.caller.name(), &cell.outcome, cell.answer.as_str(), cell.took));
    suite_of(&route.route, &cases.collect::<Vec<_>>(), require_all)
}

fn suite_of(suite: &str, cases: &[Case<'_>], require_all: bool) -> Markup {
    let failures = cases.iter().filter(|(_, outcome, ..)| is_failure(outcome, require_all)).count();
    let right = cases.iter().filter(|(_, outcome, ..)| **outcome == Outcome::AsExpected).count();
    let skipped = cases.len() - failures - right;
    let time = seconds(cases.iter().map(|(.., took)| *took).sum());
    html! {
        testsuite name=(suite) tests=(cases.len()) failures=(failures) skipped=(skipped) time=(time) {
            @for (name, outcome, answer, took) in cases {
                testcase classname=(suite) name=(name) time=(seconds(*took)) {
                    @match outcome {
                        Outcome::AsExpected => {},
                        Outcome::NotTried(reason) if require_all => failure message={ "not tried: " (reason) } {},
                        Outcome::NotTried(reason) => skipped message={ "not tried: " (reason) } {},
                        Outcome::DoesNotApply(reason) => skipped message={ "does not apply: " (reason) } {},
                        Outcome::Different(ways) => @for way in ways { failure message=(way) { (answer) } },
                    }
                }
            }
        }
    }
}

/// Returns one HTML file.
pub(crate) fn as_html(report: &Report, at: &str) -> String {
    let differences = report.differences();
    let callers: Vec<Caller> = report
        .routes
        .first()
        .map(|route| route.cells.iter().map(|cell| cell.caller).collect())
        .unwrap_or_default();
    let body = html! {
                h1 { "Authorization matrix, verified" }
                p.quiet { (report.target) ", " (at) ": " (report.routes.len()) " routes, " (report.tried()) " answers." }
                @if differences.is_empty() { p.sound { "Every answer is as the rule says." } }
                @else {
                    h2 { (differences.len()) " differences" }
                    ul { @for difference in &differences { li.wrong { (difference) } } }
                }
                @if !report.not_tried().is_empty() {
                    h2 { "Not tried" }
                    ul { @for (reason, count) in report.not_tried() { li { (count) " answers: " (reason) } } }
                }
                h2 { "Beyond the matrix" }
                ul { @for check in &report.checks { li.(class_of(&check.outcome)) { (mark(&check.outcome)) " " (check.rule) } } }
                h2 { "Every route as every kind of caller" }
                div.sheet tabindex="0" role="region" aria-label="Answers" {
                    table {
                        thead { tr { th scope="col" { "Route" } @for caller in &callers { th scope="col" { (caller.name()) } } } }
                        tbody {
                            @for route in &report.routes {
                                tr {
                                    th scope="row" { code { (route.route) } }
                                    @for cell in &route.cells { (answer(cell)) }
                                }
                            }
                        }
                    }
                }
    };
    document("Authorization matrix, verified", OWN_STYLE, &body)
}

const OWN_STYLE: &str = "thead th{white-space:normal;vertical-align:bottom}.sound{color:var(--in);font-weight:600}\
    .wrong,td.wrong{color:var(--accent);font-weight:600}td.not-tried{color:var(--quiet)}";

/// Returns the mark of one outcome.
pub(crate) fn mark(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::AsExpected => "✓",
        Outcome::Different(_) => "✗",
        Outcome::NotTried(_) => "?",
        Outcome::DoesNotApply(_) => "–",
    }
}

fn class_of(outcome: &Outcome) -> &'static str {
    if matches!(outcome, Outcome::Different(_)) { "wrong" } else { "tried" }
}

fn answer(cell: &Cell) -> Markup {
    match &cell.outcome {
        Outcome::AsExpected if cell.answer.starts_with('2') => html! { td.answer.in { (cell.answer) } },
        Outcome::AsExpected => html! { td.answer { (cell.answer) } },
        Outcome::NotTried(reason) => html! { td.answer.not-tried title=(reason) { "not tried" } },
        Outcome::DoesNotApply(reason) => html! { td.answer.not-tried title=(reason) { "–" } },
        Outcome::Different(ways) => html! { td.answer.wrong title=(ways.join("; ")) { "✗ " (cell.answer) } },
    }
}
