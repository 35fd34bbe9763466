//! The matrix as text, for a terminal and as Markdown: first the rules, then the answers.

use super::{CallerAnswer, ClauseEntry, Matrix, RouteRow, RouteRule};
use crate::authz::OwnerFrom;

const RULES: [&str; 6] = ["route", "who", "own", "anyone's", "owner from", "what it does"];

/// Mark of a permitted request.
const PERMITTED: &str = "✓";

impl CallerAnswer {
    /// Returns the text of its cell: a tick, or the status and the code of the refusal.
    pub fn cell(&self) -> String {
        match (self.status, &self.code) {
            (Some(status), Some(code)) => format!("{status} {code}"),
            _ => PERMITTED.to_owned(),
        }
    }

    /// Returns the text of a narrow cell: a tick, or the status.
    fn narrow_cell(&self) -> String {
        self.status.map_or_else(|| PERMITTED.to_owned(), |status| status.to_string())
    }
}

impl RouteRow {
    /// Returns the method and the path.
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

impl RouteRule {
    /// Returns four columns: access, scope for one's own records, scope for anyone's, source of the owner.
    pub(super) fn columns(&self) -> [String; 4] {
        let clauses =
            |clauses: Vec<String>| if clauses.is_empty() { "–".to_owned() } else { clauses.join("; ") };
        let named = |clauses: &[ClauseEntry], what: &str| {
            clauses
                .iter()
                .map(|clause| format!("{what}{}: {}", clause.name, clause.needs()))
                .collect::<Vec<_>>()
        };
        let scope = |scope: &Option<String>, state: &Option<String>| {
            scope.iter().map(|scope| while_in(scope, state.as_deref())).collect::<Vec<_>>()
        };
        let owner = match self.owner_from {
            Some(OwnerFrom::Url) => "the URL",
            Some(OwnerFrom::Body) => "the body",
            Some(OwnerFrom::Record) => "the record",
            Some(OwnerFrom::Nobody) | None => "–",
        };
        let mut who = self.access.clone();
        if let Some(state) = &self.only_while {
            who += &format!(", only while {state}");
        }
        if self.fresh {
            who += ", fresh";
        }
        let own = clauses([scope(&self.own_scope, &self.own_while), named(&self.related, "")].concat());
        let others = [
            named(&self.roles, "role "),
            scope(&self.any_scope, &self.any_while),
            named(&self.systems, "system "),
        ];
        let any = clauses(others.concat());
        [who, own, if self.not_above { format!("{any}, not above") } else { any }, owner.to_owned()]
    }
}

impl ClauseEntry {
    /// Returns the scope, and the state of the record.
    pub(super) fn needs(&self) -> String {
        while_in(&self.scope, self.only_while.as_deref())
    }
}

/// Returns a scope with the state of the record that it is limited to.
pub(super) fn while_in(scope: &str, state: Option<&str>) -> String {
    state.map_or_else(|| scope.to_owned(), |state| format!("{scope} while {state}"))
}

fn rules(row: &RouteRow) -> Vec<String> {
    let [who, own, any, owner] = row.rule.columns();
    vec![row.route(), who, own, any, owner, row.summary.clone()]
}

fn callers(matrix: &Matrix) -> Vec<String> {
    let names = matrix.callers.iter().map(|caller| caller.name.clone());
    std::iter::once("route".to_owned()).chain(names).collect()
}

fn answers(row: &RouteRow, cell: fn(&CallerAnswer) -> String) -> Vec<String> {
    std::iter::once(row.route()).chain(row.answers.iter().map(cell)).collect()
}

/// Returns aligned columns, for a terminal.
pub fn as_table(matrix: &Matrix) -> String {
    let headings = RULES.map(str::to_owned).to_vec();
    let rules = aligned(headings, matrix.routes.iter().map(rules));
    let answers =
        aligned(callers(matrix), matrix.routes.iter().map(|row| answers(row, CallerAnswer::narrow_cell)));
    let legend = aligned(
        vec!["caller".to_owned(), "meaning".to_owned()],
        matrix.callers.iter().map(|caller| vec![caller.name.clone(), caller.meaning.clone()]),
    );
    format!("{rules}\nWhat each kind of caller is answered:\n\n{answers}\n{legend}")
}

fn aligned(headings: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let lines: Vec<Vec<String>> = std::iter::once(headings).chain(rows).collect();
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(|cells| line(cells) + "\n").collect()
}

/// Returns two Markdown tables.
pub fn as_markdown(matrix: &Matrix) -> String {
    let rules = table(RULES.map(str::to_owned).to_vec(), matrix.routes.iter().map(rules));
    let answers = table(callers(matrix), matrix.routes.iter().map(|row| answers(row, CallerAnswer::cell)));
    format!("{rules}\nWhat each kind of caller is answered:\n\n{answers}")
}

fn table(headings: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = vec!["---".to_owned(); headings.len()];
    let out = line(&headings) + &line(&rule);
    rows.fold(out, |out, mut cells| {
        if let Some(route) = cells.first_mut() {
            *route = format!("`{route}`");
        }
        out + &line(&cells)
    })
}
