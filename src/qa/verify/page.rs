//! Report as JUnit XML for a pipeline, and as an HTML page for people.

use std::time::Duration;

use maud::{Markup, html};

use super::caller::Caller;
use super::report::Cell;
use super::{Outcome, Report, RouteReport};
use crate::authz::matrix::document;

/// Returns JUnit XML: one suite for each route, one case for each caller. With `require_all`, a case that was not
/// tried is a failure.
pub(crate) fn as_junit(report: &Report, require_all: bool) -> String {
    let general: Vec<String> = report.ended.iter().map(|why| format!("the run ended early: {why}")).collect();
    let general = [general, report.general.clone()].concat();
    let cells = || report.routes.iter().flat_map(|route| &route.cells);
    let failures = cells().filter(|cell| is_failure(&cell.outcome, require_all)).count() + general.len();
    let tests = cells().count() + general.len().max(1);
    let time = seconds(cells().map(|cell| cell.took).sum());
    let suites = html! {
        testsuites name={ "cloakroom verify " (report.target) } tests=(tests) failures=(failures) time=(time) {
            testsuite name="the server" tests=(general.len().max(1)) failures=(general.len()) time="0.000" {
                @if general.is_empty() { testcase classname="the server" name="as a whole" time="0.000" {} }
                @for wrong in &general {
                    testcase classname="the server" name=(wrong) time="0.000" { failure message=(wrong) {} }
                }
            }
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

fn suite(route: &RouteReport, require_all: bool) -> Markup {
    let failures = route.cells.iter().filter(|cell| is_failure(&cell.outcome, require_all)).count();
    let right = route.cells.iter().filter(|cell| cell.outcome == Outcome::AsExpected).count();
    let skipped = route.cells.len() - failures - right;
    let time = seconds(route.cells.iter().map(|cell| cell.took).sum());
    html! {
        testsuite name=(route.route) tests=(route.cells.len()) failures=(failures) skipped=(skipped) time=(time) {
            @for cell in &route.cells {
                testcase classname=(route.route) name=(cell.caller.name()) time=(seconds(cell.took)) {
                    @match &cell.outcome {
                        Outcome::AsExpected => {},
                        Outcome::NotTried(reason) if require_all => failure message={ "not tried: " (reason) } {},
                        Outcome::NotTried(reason) => skipped message={ "not tried: " (reason) } {},
                        Outcome::DoesNotApply(reason) => skipped message={ "does not apply: " (reason) } {},
                        Outcome::Different(ways) => @for way in ways { failure message=(way) { (cell.answer) } },
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
                h2 { "Every route as every kind of caller" }
                div.sheet {
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

fn answer(cell: &Cell) -> Markup {
    match &cell.outcome {
        Outcome::AsExpected if cell.answer.starts_with('2') => html! { td.answer.in { (cell.answer) } },
        Outcome::AsExpected => html! { td.answer { (cell.answer) } },
        Outcome::NotTried(reason) => html! { td.answer.not-tried title=(reason) { "not tried" } },
        Outcome::DoesNotApply(reason) => html! { td.answer.not-tried title=(reason) { "–" } },
        Outcome::Different(ways) => html! { td.answer.wrong title=(ways.join("; ")) { "✗ " (cell.answer) } },
    }
}
