//! Result of a walk.

use std::fmt;
use std::path::Path;

use super::walk::Waived;
use crate::app::App;
use crate::authz::Relation;
use crate::authz::matrix::CallerKind;
use crate::qa::verify::{Outcome, Report, RouteReport};

/// Environment variable that makes a test write the golden page.
const UPDATE: &str = "UPDATE_GOLDEN";

/// Answers to every kind of caller on every route, as Markdown.
///
/// ```
/// let page = cloakroom::testing::Page::default();
/// assert!(page.to_string().starts_with("# Every route as every kind of caller"));
/// assert!(page.broken().is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Page {
    kinds: Vec<String>,
    rows: Vec<String>,
    broken: Vec<String>,
}

impl Page {
    pub(super) fn of(report: &Report, app: &App, waived: &Waived) -> Self {
        let kinds = CallerKind::of_requests(app.vocabulary());
        let added: Vec<String> = app.added_routes().iter().map(|endpoint| endpoint.name()).collect();
        let routes: Vec<&RouteReport> =
            report.routes.iter().filter(|route| added.contains(&route.route)).collect();
        let rows = routes.iter().map(|route| {
            let cells: Vec<String> = kinds.iter().map(|kind| answers(route, *kind)).collect();
            format!("| `{}` | {} |", route.route, cells.join(" | "))
        });
        Self {
            rows: rows.collect(),
            kinds: kinds.iter().map(|kind| kind.name()).collect(),
            broken: [
                report.differences(),
                closed(&routes, &waived.routes),
                untried(&routes, app.vocabulary().relations(), waived),
            ]
            .concat(),
        }
    }

    /// Returns the broken invariants, one line each, with the route.
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    /// Compares the page with an earlier one, a path from the root of the package. With `UPDATE_GOLDEN` it writes
    /// the page instead, if no invariant is broken.
    ///
    /// # Panics
    /// When an invariant is broken, or a line differs.
    #[track_caller]
    pub fn assert_golden(&self, golden: impl AsRef<Path>) {
        let (golden, page) = (golden.as_ref(), self.to_string());
        assert!(self.broken.is_empty(), "broken invariants:\n{}", self.broken.join("\n"));
        if std::env::var_os(UPDATE).is_some() {
            return std::fs::write(golden, page).expect("the page can be written");
        }
        let hint = format!("{} is written by a run with {UPDATE}=1", golden.display());
        let before = std::fs::read_to_string(golden).unwrap_or_else(|error| panic!("{error}: {hint}"));
        assert!(
            page == before,
            "the authorization matrix has changed:\n{}\n{hint}",
            difference(&before, &page)
        );
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "# Every route as every kind of caller\n\n\
             What the running server answered, the same on both engines. Made by a test from the list that mounts the\n\
             routes; a change here is a change of who may do what.\n\n",
        )?;
        writeln!(f, "| route | {} |", self.kinds.join(" | "))?;
        writeln!(f, "|---|{}", "---|".repeat(self.kinds.len()))?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

/// Returns a line for each route that lets in no kind of caller, unless it is waived, and for each waiver without use.
/// The walk proves nothing about a route that lets in nobody.
fn closed(routes: &[&RouteReport], waived: &[&str]) -> Vec<String> {
    let closed = routes.iter().filter(|route| !is_open(route) && !waived.contains(&route.route.as_str()));
    let closed = closed.map(|route| {
        let owner = answers(route, CallerKind::Owner);
        format!(
            "{}: it lets in no kind of caller, and answers the owner {owner}: give its body and its parameters valid \
             examples and its record a route that creates it, or waive it with Walk::waive",
            route.route
        )
    });
    let needless =
        waived.iter().filter(|name| !routes.iter().any(|route| route.route == **name && !is_open(route)));
    closed.chain(needless.map(|name| format!("{name}: it is waived without need"))).collect()
}

/// Returns true for a route that lets in some kind of caller.
fn is_open(route: &RouteReport) -> bool {
    route.cells.iter().any(|cell| cell.answer.starts_with(['2', '3']))
}

/// Returns a line for each relation that a route was not tried with, unless it is waived, and for each waiver without use.
fn untried(routes: &[&RouteReport], relations: &[Relation], waived: &Waived) -> Vec<String> {
    // A route that lets in nobody has a line of its own, or is waived.
    let open: Vec<&RouteReport> = routes.iter().copied().filter(|route| is_open(route)).collect();
    let reason = |relation: Relation| {
        open.iter().find_map(|route| {
            let cell = route.cells.iter().find(|cell| cell.caller.kind() == CallerKind::Related(relation))?;
            match &cell.outcome {
                Outcome::NotTried(why) => Some(format!("{} was not tried: {why}", route.route)),
                _ => None,
            }
        })
    };
    let untried = relations.iter().filter(|relation| !waived.relations.contains(relation));
    let untried = untried.filter_map(|relation| {
        let name = CallerKind::Related(*relation).name();
        Some(format!("{name}: {}, or waive it with Walk::waive_relation", reason(*relation)?))
    });
    let needless = waived.relations.iter().filter(|relation| reason(**relation).is_none());
    let needless = needless
        .map(|relation| format!("{}: it is waived without need", CallerKind::Related(*relation).name()));
    untried.chain(needless).collect()
}

/// Returns the answers to a kind of caller, each once; `–` where there was nothing to try.
fn answers(route: &RouteReport, kind: CallerKind) -> String {
    let mut answers: Vec<&str> = Vec::new();
    for cell in route.cells.iter().filter(|cell| cell.caller.kind() == kind) {
        let untried =
            matches!(cell.outcome, Outcome::NotTried(_) | Outcome::DoesNotApply(_)) && cell.answer == "–";
        if !untried && !answers.contains(&cell.answer.as_str()) {
            answers.push(&cell.answer);
        }
    }
    if answers.is_empty() { "–".to_owned() } else { answers.join(", ") }
}

/// Returns the lines that only one of the two pages has.
fn difference(before: &str, now: &str) -> String {
    let lacking = |here: &str, there: &str, mark: &str| -> Vec<String> {
        let known: Vec<&str> = there.lines().collect();
        here.lines().filter(|line| !known.contains(line)).map(|line| format!("{mark} {line}")).collect()
    };
    [lacking(before, now, "-"), lacking(now, before, "+")].concat().join("\n")
}
