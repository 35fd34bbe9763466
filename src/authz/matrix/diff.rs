//! What differs between two matrices, and whether it lets somebody do more.

use super::{Entry, Matrix, Row, Way};

/// In which direction a change goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Somebody may do what they could not, or it cannot be ruled out.
    Wider,
    /// Somebody may not do any more what they could.
    Narrower,
    /// Nobody may do more or less.
    Neither,
}

/// A change of who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The route, or the role.
    pub of: String,
    /// What it is.
    pub what: String,
    /// In which direction it goes.
    pub direction: Direction,
}

/// The changes of one route or role, as they are found.
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

    /// What there is now and was not, and the other way around.
    fn items(&mut self, what: &str, before: &[String], now: &[String]) {
        for item in now.iter().filter(|item| !before.contains(item)) {
            self.wider(format!("{what} {item}"));
        }
        for item in before.iter().filter(|item| !now.contains(item)) {
            self.narrower(format!("no longer {what} {item}"));
        }
    }

    fn scope(&mut self, whose: &str, before: Option<&String>, now: Option<&String>) {
        match (before, now) {
            (None, Some(scope)) => self.wider(format!("{scope} reaches {whose}")),
            (Some(scope), None) => self.narrower(format!("{scope} no longer reaches {whose}")),
            (Some(before), Some(now)) if before != now => {
                self.wider(format!("{whose} are reached by {now} instead of {before}"));
            }
            _ => {}
        }
    }
}

/// What has changed from one matrix to the next: routes, roles, and the answer to each kind of
/// caller.
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

fn let_in(row: &Row) -> String {
    let callers: Vec<&str> =
        row.answers.iter().filter(|answer| answer.allowed).map(|answer| answer.caller.as_str()).collect();
    if callers.is_empty() { "nobody of these kinds".to_owned() } else { callers.join(", ") }
}

fn compare(before: &Row, now: &Row, changes: &mut Changes<'_>) {
    rules(&before.entry, &now.entry, changes);
    for answer in &now.answers {
        let known = before.answers.iter().find(|known| known.caller == answer.caller);
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

fn rules(before: &Entry, now: &Entry, changes: &mut Changes<'_>) {
    let ways =
        |ways: &[Way]| ways.iter().map(|way| format!("{} with {}", way.name, way.scope)).collect::<Vec<_>>();
    changes.scope("one's own", before.own_scope.as_ref(), now.own_scope.as_ref());
    changes.scope("everyone's", before.any_scope.as_ref(), now.any_scope.as_ref());
    changes.items("lets in the record's", &ways(&before.related), &ways(&now.related));
    changes.items("lets in the role", &ways(&before.roles), &ways(&now.roles));
    match (&before.only_while, &now.only_while) {
        (Some(state), None) => changes.wider(format!("is not confined to what is {state} any more")),
        (None, Some(state)) => changes.narrower(format!("is confined to what is {state}")),
        (Some(before), Some(now)) if before != now => {
            changes.wider(format!("is confined to what is {now} instead of {before}"));
        }
        _ => {}
    }
    match (before.not_above, now.not_above) {
        (true, false) => changes.wider("may be done above the caller"),
        (false, true) => changes.narrower("may not be done above the caller any more"),
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
    use super::super::Answered;
    use super::*;

    fn answered(caller: &str, refused: Option<(u16, &str)>) -> Answered {
        Answered {
            caller: caller.to_owned(),
            allowed: refused.is_none(),
            status: refused.map(|(status, _)| status),
            code: refused.map(|(_, code)| code.to_owned()),
        }
    }

    fn matrix(change: impl FnOnce(&mut Row)) -> Matrix {
        let entry = Entry {
            access: "by scope".to_owned(),
            own_scope: Some("coats:read".to_owned()),
            not_above: true,
            ..Entry::default()
        };
        let mut row = Row {
            method: "GET".to_owned(),
            path: "/coats/{id}".to_owned(),
            summary: "See a coat".to_owned(),
            entry,
            answers: vec![answered("owner", None), answered("another user", Some((404, "not-found")))],
        };
        change(&mut row);
        Matrix { routes: vec![row], ..Matrix::default() }
    }

    fn told(before: &Matrix, now: &Matrix) -> Vec<(Direction, String)> {
        let changes = difference(before, now).into_iter();
        changes.map(|change| (change.direction, format!("{} {}", change.of, change.what))).collect()
    }

    #[test]
    fn nothing_differs_from_itself() {
        assert_eq!(difference(&matrix(|_| {}), &matrix(|_| {})), []);
    }

    #[test]
    fn who_is_let_in_and_was_not_is_a_widening_and_the_other_way_around_is_none() {
        let (before, now) = (matrix(|_| {}), matrix(|row| row.answers[1] = answered("another user", None)));
        let wider = "GET /coats/{id} lets in another user; it was 404 not-found".to_owned();
        assert_eq!(told(&before, &now), [(Direction::Wider, wider)]);
        let narrower = "GET /coats/{id} refuses another user: 404 not-found".to_owned();
        assert_eq!(told(&now, &before), [(Direction::Narrower, narrower)]);
    }

    #[test]
    fn a_rule_that_is_loosened_is_a_widening_though_no_kind_of_caller_shows_it() {
        type Loosened = fn(&mut Row);
        let loosened: [Loosened; 4] = [
            |row| row.entry.not_above = false,
            |row| row.entry.any_scope = Some("coats:read:any".to_owned()),
            |row| row.entry.own_scope = Some("coats".to_owned()),
            |row| row.entry.related = vec![Way { name: "reader".to_owned(), scope: "coats:read".to_owned() }],
        ];
        for loosen in loosened {
            let changes = difference(&matrix(|_| {}), &matrix(loosen));
            assert!(changes.iter().any(|change| change.direction == Direction::Wider), "{changes:?}");
        }
    }

    #[test]
    fn a_new_route_is_a_widening_and_one_that_is_gone_is_none() {
        let (none, one) = (Matrix::default(), matrix(|_| {}));
        assert_eq!(
            told(&none, &one),
            [(Direction::Wider, "GET /coats/{id} is new, and lets in owner".to_owned())]
        );
        assert_eq!(told(&one, &none), [(Direction::Narrower, "GET /coats/{id} is gone".to_owned())]);
    }

    #[test]
    fn a_role_that_grants_more_is_a_widening() {
        let with = |scopes: &[&str]| {
            let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            Matrix {
                roles: vec![super::super::RoleRow { name: "attendant".to_owned(), scopes }],
                ..Matrix::default()
            }
        };
        let (less, more) = (with(&["coats:read"]), with(&["coats:read", "coats:read:any"]));
        let wider = "role attendant grants coats:read:any".to_owned();
        assert_eq!(told(&less, &more), [(Direction::Wider, wider)]);
        assert!(difference(&more, &less).iter().all(|change| change.direction == Direction::Narrower));
    }
}
