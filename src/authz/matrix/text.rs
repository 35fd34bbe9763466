//! The matrix as text, for a terminal and for a document: first the rules, then the answers.

use super::{Answered, Entry, Matrix, Row};
use crate::authz::OwnerFrom;

const RULES: [&str; 6] = ["route", "who", "own", "anyone's", "owner from", "what it does"];

/// What stands where somebody is let in.
const LET_IN: &str = "✓";

impl Answered {
    /// In a cell: a tick, or the status and the code of the refusal.
    pub fn cell(&self) -> String {
        match (self.status, &self.code) {
            (Some(status), Some(code)) => format!("{status} {code}"),
            _ => LET_IN.to_owned(),
        }
    }

    /// In a narrow cell: a tick, or the status.
    fn narrow_cell(&self) -> String {
        self.status.map_or_else(|| LET_IN.to_owned(), |status| status.to_string())
    }
}

impl Row {
    /// The method and the path.
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

impl Entry {
    /// Who, the scope for one's own, the scope for anyone's, and where the owner is read from.
    pub(super) fn columns(&self) -> [String; 4] {
        let ways = |ways: Vec<String>| if ways.is_empty() { "–".to_owned() } else { ways.join("; ") };
        let named = |ways: &[super::Way], what: &str| {
            ways.iter().map(|way| format!("{what}{}: {}", way.name, way.scope)).collect::<Vec<_>>()
        };
        let scope = |scope: &Option<String>| scope.clone().into_iter().collect::<Vec<_>>();
        let owner = match self.owner_from {
            Some(OwnerFrom::Url) => "the URL",
            Some(OwnerFrom::Record) => "the record",
            Some(OwnerFrom::Nobody) | None => "–",
        };
        let who = match &self.only_while {
            Some(state) => format!("{}, only while {state}", self.access),
            None => self.access.clone(),
        };
        let own = ways([scope(&self.own_scope), named(&self.related, "")].concat());
        let any = ways([named(&self.roles, "role "), scope(&self.any_scope)].concat());
        [who, own, if self.not_above { format!("{any}, not above") } else { any }, owner.to_owned()]
    }
}

fn rules(row: &Row) -> Vec<String> {
    let [who, own, any, owner] = row.entry.columns();
    vec![row.route(), who, own, any, owner, row.summary.clone()]
}

fn callers(matrix: &Matrix) -> Vec<String> {
    let names = matrix.callers.iter().map(|caller| caller.name.clone());
    std::iter::once("route".to_owned()).chain(names).collect()
}

fn answers(row: &Row, cell: fn(&Answered) -> String) -> Vec<String> {
    std::iter::once(row.route()).chain(row.answers.iter().map(cell)).collect()
}

/// Aligned columns, for a terminal.
pub fn as_table(matrix: &Matrix) -> String {
    let headings = RULES.map(str::to_owned).to_vec();
    let rules = aligned(headings, matrix.routes.iter().map(rules));
    let answers =
        aligned(callers(matrix), matrix.routes.iter().map(|row| answers(row, Answered::narrow_cell)));
    let legend = aligned(
        vec!["caller".to_owned(), "who that is".to_owned()],
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

/// Two Markdown tables.
pub fn as_markdown(matrix: &Matrix) -> String {
    let rules = table(RULES.map(str::to_owned).to_vec(), matrix.routes.iter().map(rules));
    let answers = table(callers(matrix), matrix.routes.iter().map(|row| answers(row, Answered::cell)));
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
