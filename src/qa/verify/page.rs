//! Report as JUnit XML for a pipeline, and as an HTML page for people.

use maud::{Markup, html};

use super::caller::Caller;
use super::report::Cell;
use super::{Outcome, Report, RouteReport};
use crate::authz::matrix::document;

/// Returns JUnit XML: one suite for each route, one case for each caller.
pub(crate) fn as_junit(report: &Report) -> String {
    let suites = html! {
        testsuites name={ "cloakroom verify " (report.target) } {
            testsuite name="the server" tests=(report.general.len().max(1)) failures=(report.general.len()) {
                @if report.general.is_empty() { testcase classname="the server" name="as a whole" {} }
                @for wrong in &report.general {
                    testcase classname="the server" name=(wrong) { failure message=(wrong) {} }
                }
            }
            @for route in &report.routes { (suite(route)) }
        }
    };
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", suites.into_string())
}

fn suite(route: &RouteReport) -> Markup {
    let count = |of: fn(&Outcome) -> bool| route.cells.iter().filter(|cell| of(&cell.outcome)).count();
    let failures = count(|outcome| matches!(outcome, Outcome::Different(_)));
    let skipped = count(|outcome| matches!(outcome, Outcome::NotTried(_)));
    html! {
        testsuite name=(route.route) tests=(route.cells.len()) failures=(failures) skipped=(skipped) {
            @for cell in &route.cells {
                testcase classname=(route.route) name=(cell.caller.name()) {
                    @match &cell.outcome {
                        Outcome::AsExpected => {},
                        Outcome::NotTried(reason) => skipped message=(reason) {},
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
        Outcome::NotTried(reason) => html! { td.answer.not-tried title=(reason) { "–" } },
        Outcome::Different(ways) => html! { td.answer.wrong title=(ways.join("; ")) { "✗ " (cell.answer) } },
    }
}
