//! Report of a verification.

use std::time::Duration;

use super::VerifyError;
use super::caller::Caller;

/// Outcome for one caller of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As the rule says.
    AsExpected,
    /// Different from the rule. Each text continues a sentence that begins with the caller's name.
    Different(Vec<String>),
    /// Not tried, for this reason: nothing is known.
    NotTried(String),
    /// The route has nothing to try, for this reason.
    DoesNotApply(String),
}

/// Result for one route and one caller.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// The caller.
    pub(crate) caller: Caller,
    /// The answer: the status, and the code of a problem.
    pub(crate) answer: String,
    /// The outcome.
    pub(crate) outcome: Outcome,
    /// The duration, with the preparation of the caller and the record.
    pub(crate) took: Duration,
}

impl Cell {
    pub(crate) fn new(caller: Caller, answer: String, outcome: Outcome) -> Self {
        Self { caller, answer, outcome, took: Duration::ZERO }
    }
}

/// Returns the result for a caller that was not tried.
pub(super) fn untried(caller: Caller, reason: String) -> Cell {
    Cell::new(caller, "–".to_owned(), Outcome::NotTried(reason))
}

/// Returns the result of a route for which the question makes no sense.
pub(super) fn pointless(caller: Caller, reason: &str) -> Cell {
    Cell::new(caller, "–".to_owned(), Outcome::DoesNotApply(reason.to_owned()))
}

/// Returns the result for a caller that the server could not be asked as.
pub(super) fn broken(caller: Caller, VerifyError(why): &VerifyError) -> Cell {
    Cell::new(caller, "no answer".to_owned(), Outcome::Different(vec![format!("cannot be tried: {why}")]))
}

/// Results for one route.
#[derive(Clone, Debug)]
pub(crate) struct RouteReport {
    /// The method and the path.
    pub(crate) route: String,
    /// The results for all callers, in order.
    pub(crate) cells: Vec<Cell>,
}

/// Result of a check beyond the matrix.
#[derive(Clone, Debug)]
pub(crate) struct CheckReport {
    /// The rule, as a sentence.
    pub(crate) rule: &'static str,
    /// The outcome. Each difference is a sentence of its own.
    pub(crate) outcome: Outcome,
    /// The duration.
    pub(crate) took: Duration,
}

/// Results for all routes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// The server.
    pub(crate) target: String,
    /// The routes.
    pub(crate) routes: Vec<RouteReport>,
    /// The checks beyond the matrix.
    pub(crate) checks: Vec<CheckReport>,
    /// Faults of the server as a whole.
    pub(crate) general: Vec<String>,
    /// The reason for which the run ended before everything was tried.
    pub(crate) ended: Option<String>,
}

impl Report {
    /// Returns all differences, one line each: with the rule of the check, or with the route and the caller.
    pub(crate) fn differences(&self) -> Vec<String> {
        let of_route = |route: &RouteReport| {
            let of_cell = |cell: &Cell| match &cell.outcome {
                Outcome::Different(ways) => {
                    ways.iter().map(|way| format!("{}: {} {way}", route.route, cell.caller.name())).collect()
                }
                _ => Vec::new(),
            };
            route.cells.iter().flat_map(of_cell).collect::<Vec<_>>()
        };
        let of_check = |check: &CheckReport| match &check.outcome {
            Outcome::Different(ways) => ways.iter().map(|way| format!("{}: {way}", check.rule)).collect(),
            _ => Vec::new(),
        };
        let checks = self.checks.iter().flat_map(of_check);
        let ended = self.ended.iter().map(|why| format!("the run ended early: {why}"));
        ended
            .chain(self.general.iter().cloned())
            .chain(checks)
            .chain(self.routes.iter().flat_map(of_route))
            .collect()
    }

    /// Returns the reasons for results that were not tried, with their counts.
    pub(crate) fn not_tried(&self) -> Vec<(String, usize)> {
        let mut reasons: Vec<(String, usize)> = Vec::new();
        for outcome in self.outcomes() {
            let Outcome::NotTried(reason) = outcome else { continue };
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, count)) => *count += 1,
                None => reasons.push((reason.clone(), 1)),
            }
        }
        reasons
    }

    /// Returns the number of results that were tried.
    pub(crate) fn tried(&self) -> usize {
        let cells = self.routes.iter().flat_map(|route| &route.cells);
        cells.filter(|cell| matches!(cell.outcome, Outcome::AsExpected | Outcome::Different(_))).count()
    }

    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        let checks = self.checks.iter().map(|check| &check.outcome);
        checks.chain(self.routes.iter().flat_map(|route| &route.cells).map(|cell| &cell.outcome))
    }
}
