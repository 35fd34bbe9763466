//! Difference between two matrices, and whether it widens access.

use super::caller_kind::STALE;
use super::{ClauseEntry, Matrix, RouteRow, RouteRule};

/// Direction of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Access becomes wider, or that cannot be ruled out.
    Wider,
    /// Access becomes narrower.
    Narrower,
    /// Access stays the same.
    Neither,
}

/// Change of access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Route or role.
    pub of: String,
    /// Description.
    pub what: String,
    /// Direction.
    pub direction: Direction,
}

/// Collector of the changes to one route or role.
struct Changes<'a> {
    of: String,
    found: &'a mut Vec<Change>,
}

impl Changes<'_> {
    fn add(&mut self, direction: Direction, what: impl Into<String>) {
        self.found.push(Change { of: self.of.clone(), what: what.into(), direction });
    }

    fn wider(&mut self, what: impl Into<String>) {
        self.add(Direction::Wider, what);
    }

    fn narrower(&mut self, what: impl Into<String>) {
        self.add(Direction::Narrower, what);
    }

    /// Adds an entry for each new and each removed item.
    fn items(&mut self, what: &str, before: &[String], now: &[String]) {
        for item in now.iter().filter(|item| !before.contains(item)) {
            self.wider(format!("{what} {item}"));
        }
        for item in before.iter().filter(|item| !now.contains(item)) {
            self.narrower(format!("no longer {what} {item}"));
        }
    }

    fn scope(&mut self, records: &str, before: Option<&String>, now: Option<&String>) {
        match (before, now) {
            (None, Some(scope)) => self.wider(format!("{scope} reaches {records}")),
            (Some(scope), None) => self.narrower(format!("{scope} no longer reaches {records}")),
            (Some(before), Some(now)) if before != now => {
                self.wider(format!("{now} instead of {before} reaches {records}"));
            }
            _ => {}
        }
    }
}

impl Changes<'_> {
    fn state(&mut self, is: &str, before: Option<&String>, now: Option<&String>) {
        match (before, now) {
            (Some(state), None) => self.wider(format!("{is} no longer limited to records that are {state}")),
            (None, Some(state)) => self.narrower(format!("{is} limited to records that are {state}")),
            (Some(before), Some(now)) if before != now => {
                self.wider(format!("{is} limited to records that are {now} instead of {before}"));
            }
            _ => {}
        }
    }
}

/// Returns the changes from one matrix to the next: of routes, of roles, and of the answers to each
/// kind of caller.
pub fn difference(before: &Matrix, now: &Matrix) -> Vec<Change> {
    let mut found = Vec::new();
    for row in &now.routes {
        let mut changes = Changes { of: row.route(), found: &mut found };
        match before.routes.iter().find(|known| known.route() == row.route()) {
            Some(known) => compare(known, row, &mut changes),
            None => changes.wider(format!("is new, and lets in {}", let_in(row))),
        }
    }
    for row in before.routes.iter().filter(|row| now.routes.iter().all(|known| known.route() != row.route()))
    {
        Changes { of: row.route(), found: &mut found }.narrower("is gone");
    }
    for role in &now.roles {
        let known = before.roles.iter().find(|known| known.name == role.name);
        let known = known.map(|known| known.scopes.as_slice()).unwrap_or_default();
        let mut changes = Changes { of: format!("role {}", role.name), found: &mut found };
        changes.items("grants", known, &role.scopes);
    }
    for role in before.roles.iter().filter(|role| now.roles.iter().all(|known| known.name != role.name)) {
        Changes { of: format!("role {}", role.name), found: &mut found }.narrower("is gone");
    }
    found
}

fn let_in(row: &RouteRow) -> String {
    let callers: Vec<&str> =
        row.answers.iter().filter(|answer| answer.allowed).map(|answer| answer.caller.as_str()).collect();
    if callers.is_empty() { "no kind of caller".to_owned() } else { callers.join(", ") }
}

fn compare(before: &RouteRow, now: &RouteRow, changes: &mut Changes<'_>) {
    rules(&before.rule, &now.rule, changes);
    for answer in &now.answers {
        let named = |name: &str| before.answers.iter().find(|known| known.caller == name);
        // A matrix of before rules were fresh has no stale callers: they were answered like the others.
        let known = named(&answer.caller).or_else(|| named(answer.caller.strip_suffix(STALE)?));
        let (caller, cell) = (&answer.caller, answer.cell());
        match known {
            Some(known) if known.allowed == answer.allowed && known.cell() != cell => {
                changes.add(Direction::Neither, format!("answers {caller} {cell}; it was {}", known.cell()));
            }
            Some(known) if known.allowed && !answer.allowed => {
                changes.narrower(format!("refuses {caller}: {cell}"));
            }
            Some(known) if !known.allowed && answer.allowed => {
                changes.wider(format!("lets in {caller}; it was {}", known.cell()));
            }
            None if answer.allowed => changes.wider(format!("lets in {caller}, a new kind of caller")),
            _ => {}
        }
    }
}

fn rules(before: &RouteRule, now: &RouteRule, changes: &mut Changes<'_>) {
    let clauses = |clauses: &[ClauseEntry]| {
        clauses.iter().map(|clause| format!("{} with {}", clause.name, clause.needs())).collect::<Vec<_>>()
    };
    changes.scope("one's own records", before.own_scope.as_ref(), now.own_scope.as_ref());
    changes.scope("everyone's records", before.any_scope.as_ref(), now.any_scope.as_ref());
    changes.items("lets in the record's", &clauses(&before.related), &clauses(&now.related));
    changes.items("lets in the role", &clauses(&before.roles), &clauses(&now.roles));
    changes.items("lets in the system caller", &clauses(&before.systems), &clauses(&now.systems));
    changes.state("is", before.only_while.as_ref(), now.only_while.as_ref());
    if before.own_scope.is_some() && now.own_scope.is_some() {
        changes.state("is, for the owner,", before.own_while.as_ref(), now.own_while.as_ref());
    }
    if let (Some(_), Some(scope)) = (&before.any_scope, &now.any_scope) {
        changes.state(&format!("is, with {scope},"), before.any_while.as_ref(), now.any_while.as_ref());
    }
    match (before.not_above, now.not_above) {
        (true, false) => changes.wider("no longer compares powers (not above)"),
        (false, true) => changes.narrower("compares powers (not above)"),
        _ => {}
    }
    match (before.fresh, now.fresh) {
        (true, false) => changes.wider("no longer requires a recent authentication (fresh)"),
        (false, true) => changes.narrower("requires a recent authentication (fresh)"),
        _ => {}
    }
    if before.owner_from != now.owner_from {
        let source = |owner| serde_json::to_value(owner).unwrap_or_default();
        let (before, now) = (source(before.owner_from), source(now.owner_from));
        changes.wider(format!("reads the owner from {now} instead of {before}"));
    }
    if before.access != now.access {
        changes.add(Direction::Neither, format!("lets in {} instead of {}", now.access, before.access));
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{CallerAnswer, RoleRow};
    use super::*;

    fn answered(caller: &str, refused: Option<(u16, &str)>) -> CallerAnswer {
        CallerAnswer {
            caller: caller.to_owned(),
            allowed: refused.is_none(),
            status: refused.map(|(status, _)| status),
            code: refused.map(|(_, code)| code.to_owned()),
        }
    }

    fn matrix(change: impl FnOnce(&mut RouteRow)) -> Matrix {
        let rule = RouteRule {
            access: "by scope".to_owned(),
            own_scope: Some("coats:read".to_owned()),
            not_above: true,
            fresh: true,
            ..RouteRule::default()
        };
        let mut row = RouteRow {
            method: "GET".to_owned(),
            path: "/coats/{id}".to_owned(),
            summary: "See a coat".to_owned(),
            rule,
            answers: vec![answered("owner", None), answered("another user", Some((404, "not-found")))],
        };
        change(&mut row);
        Matrix { routes: vec![row], ..Matrix::default() }
    }

    fn descriptions(before: &Matrix, now: &Matrix) -> Vec<(Direction, String)> {
        let changes = difference(before, now).into_iter();
        changes.map(|change| (change.direction, format!("{} {}", change.of, change.what))).collect()
    }

    #[test]
    fn equal_matrices_have_no_difference() {
        assert_eq!(difference(&matrix(|_| {}), &matrix(|_| {})), []);
    }

    #[test]
    fn newly_permitted_caller_is_wider_and_newly_refused_is_narrower() {
        let (before, now) = (matrix(|_| {}), matrix(|row| row.answers[1] = answered("another user", None)));
        let wider = "GET /coats/{id} lets in another user; it was 404 not-found".to_owned();
        assert_eq!(descriptions(&before, &now), [(Direction::Wider, wider)]);
        let narrower = "GET /coats/{id} refuses another user: 404 not-found".to_owned();
        assert_eq!(descriptions(&now, &before), [(Direction::Narrower, narrower)]);
    }

    #[test]
    fn stale_caller_is_compared_with_the_caller_of_before() {
        let stale = |refused| matrix(|row| row.answers.push(answered("owner, stale", refused)));
        assert_eq!(difference(&matrix(|_| {}), &stale(None)), []);
        let narrower = "GET /coats/{id} refuses owner, stale: 401 stale".to_owned();
        let changes = descriptions(&matrix(|_| {}), &stale(Some((401, "stale"))));
        assert_eq!(changes, [(Direction::Narrower, narrower)]);
    }

    #[test]
    fn looser_rule_is_wider_even_with_equal_answers() {
        type Loosened = fn(&mut RouteRow);
        let loosened: [Loosened; 5] = [
            |row| row.rule.not_above = false,
            |row| row.rule.fresh = false,
            |row| row.rule.any_scope = Some("coats:read:any".to_owned()),
            |row| row.rule.own_scope = Some("coats".to_owned()),
            |row| {
                row.rule.related = vec![ClauseEntry {
                    name: "reader".to_owned(),
                    scope: "coats:read".to_owned(),
                    only_while: None,
                }]
            },
        ];
        for loosen in loosened {
            let changes = difference(&matrix(|_| {}), &matrix(loosen));
            assert!(changes.iter().any(|change| change.direction == Direction::Wider), "{changes:?}");
        }
    }

    #[test]
    fn new_route_is_wider_and_removed_route_is_narrower() {
        let (none, one) = (Matrix::default(), matrix(|_| {}));
        assert_eq!(
            descriptions(&none, &one),
            [(Direction::Wider, "GET /coats/{id} is new, and lets in owner".to_owned())]
        );
        assert_eq!(descriptions(&one, &none), [(Direction::Narrower, "GET /coats/{id} is gone".to_owned())]);
    }

    #[test]
    fn role_with_more_scopes_is_wider() {
        let with = |scopes: &[&str]| {
            let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            Matrix { roles: vec![RoleRow { name: "attendant".to_owned(), scopes }], ..Matrix::default() }
        };
        let (less, more) = (with(&["coats:read"]), with(&["coats:read", "coats:read:any"]));
        let wider = "role attendant grants coats:read:any".to_owned();
        assert_eq!(descriptions(&less, &more), [(Direction::Wider, wider)]);
        assert!(difference(&more, &less).iter().all(|change| change.direction == Direction::Narrower));
    }
}
