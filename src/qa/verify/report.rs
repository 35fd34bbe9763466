//! What was found.

/// How somebody fared on a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As the rule says.
    AsItShould,
    /// Otherwise; each way in a sentence that follows upon the caller's name.
    Different(Vec<String>),
    /// It could not be tried, for this reason.
    NotTried(String),
}

/// A route as one caller.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// Who called.
    pub(crate) caller: super::caller::Caller,
    /// What they were answered: the status, and the code of a problem.
    pub(crate) answer: String,
    /// How that fits the rule.
    pub(crate) outcome: Outcome,
}

/// A route as everybody.
#[derive(Clone, Debug)]
pub(crate) struct RouteReport {
    /// The method and the path.
    pub(crate) route: String,
    /// Each caller, in their order.
    pub(crate) cells: Vec<Cell>,
}

/// Every route as everybody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// The server.
    pub(crate) target: String,
    /// The routes.
    pub(crate) routes: Vec<RouteReport>,
    /// What is wrong with the server as a whole.
    pub(crate) general: Vec<String>,
}

impl Report {
    /// Every difference, a line each, which names the route and the caller.
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
        self.general.iter().cloned().chain(self.routes.iter().flat_map(of_route)).collect()
    }

    /// What could not be tried: each reason, and of how many.
    pub(crate) fn not_tried(&self) -> Vec<(String, usize)> {
        let mut reasons: Vec<(String, usize)> = Vec::new();
        for cell in self.routes.iter().flat_map(|route| &route.cells) {
            let Outcome::NotTried(reason) = &cell.outcome else { continue };
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, count)) => *count += 1,
                None => reasons.push((reason.clone(), 1)),
            }
        }
        reasons
    }

    /// How many were tried.
    pub(crate) fn tried(&self) -> usize {
        let cells = self.routes.iter().flat_map(|route| &route.cells);
        cells.filter(|cell| !matches!(cell.outcome, Outcome::NotTried(_))).count()
    }
}
