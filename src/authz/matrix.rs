//! The authorization matrix: every route and who may call it with what, as a table that a person
//! reads and a program compares.

use serde::Serialize;

use super::rule::{OwnerFrom, Rule};

/// A route and who gets in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The method.
    pub method: String,
    /// The path, with its parameters in braces.
    pub path: String,
    /// What it does.
    pub summary: String,
    /// Who gets in.
    #[serde(flatten)]
    pub entry: Entry,
}

/// Who gets in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// In a few words.
    pub access: &'static str,
    /// What is done, to what kind of record.
    pub action: Option<String>,
    /// The scope that reaches one's own.
    pub own_scope: Option<&'static str>,
    /// The scope that reaches everyone's.
    pub any_scope: Option<&'static str>,
    /// Where the owner is read from.
    pub owner_from: Option<OwnerFrom>,
    /// Whether the caller must have every power that the record's owner has.
    pub not_above: bool,
}

impl Entry {
    /// A route without a rule.
    pub fn without_rule(access: &'static str) -> Self {
        Self { access, action: None, own_scope: None, any_scope: None, owner_from: None, not_above: false }
    }

    /// A route with one; a collection has no owner.
    pub fn of(access: &'static str, rule: &Rule, names_a_record: bool) -> Self {
        Self {
            access,
            action: Some(format!("{} {}", rule.action, rule.resource)),
            own_scope: rule.own.map(|scope| scope.as_str()),
            any_scope: Some(rule.any.as_str()),
            owner_from: names_a_record.then_some(rule.owner),
            not_above: rule.ranked,
        }
    }

    /// The scope for one's own, and the scope for anyone's, in words.
    fn columns(&self) -> [String; 4] {
        let scope = |scope: Option<&str>| scope.unwrap_or("–").to_owned();
        let owner = match self.owner_from {
            Some(OwnerFrom::Url) => "the URL",
            Some(OwnerFrom::Record) => "the record",
            Some(OwnerFrom::Nobody) | None => "–",
        };
        let any = if self.not_above {
            format!("{}, not above", scope(self.any_scope))
        } else {
            scope(self.any_scope)
        };
        [self.access.to_owned(), scope(self.own_scope), any, owner.to_owned()]
    }
}

const HEADINGS: [&str; 6] = ["route", "who", "own", "anyone's", "owner from", "what it does"];

fn cells(row: &Row) -> [String; 6] {
    let [who, own, any, owner] = row.entry.columns();
    [format!("{} {}", row.method, row.path), who, own, any, owner, row.summary.clone()]
}

/// Aligned columns, for a terminal.
pub fn as_table(rows: &[Row]) -> String {
    let lines: Vec<[String; 6]> =
        std::iter::once(HEADINGS.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let line = |cells: &[String; 6]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(|cells| line(cells) + "\n").collect()
}

/// A Markdown table.
pub fn as_markdown(rows: &[Row]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut out = line(&HEADINGS.map(str::to_owned));
    out += &line(&HEADINGS.map(|_| "---".to_owned()));
    rows.iter().fold(out, |out, row| {
        let [route, who, own, any, owner, summary] = cells(row);
        out + &line(&[format!("`{route}`"), who, own, any, owner, summary])
    })
}

/// One HTML file that prints.
pub fn as_html(rows: &[Row]) -> String {
    maud::html! {
        (maud::DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "Who may do what" }
                style {
                    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color-scheme:light dark}"
                    "table{border-collapse:collapse}th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #8884}"
                    "td:first-child{font-family:ui-monospace,monospace;white-space:nowrap}"
                }
            }
            body {
                h1 { "Who may do what" }
                p { "Each route, the scope that reaches one's own record, and the scope that reaches anyone's." }
                table {
                    thead { tr { @for heading in HEADINGS { th scope="col" { (heading) } } } }
                    tbody { @for row in rows { tr { @for cell in cells(row) { td { (cell) } } } } }
                }
            }
        }
    }
    .into_string()
}
