//! The authorization matrix: every route and who may call it with what, as a table that a person
//! reads and a program compares.

use serde::Serialize;

use super::relation::Relation;
use super::resource::OwnerFrom;
use super::rule::Rule;
use super::scope::Scope;

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// In a few words.
    pub access: &'static str,
    /// What is done, to what kind of record.
    pub action: Option<String>,
    /// The scope that reaches one's own.
    pub own_scope: Option<&'static str>,
    /// What else a record can be to the caller that lets them in, each with its scope.
    pub related: Vec<Way>,
    /// The roles that let somebody in, each with its scope.
    pub roles: Vec<Way>,
    /// The scope that reaches everyone's.
    pub any_scope: Option<&'static str>,
    /// The state that the record must be in.
    pub only_while: Option<&'static str>,
    /// Where the owner is read from.
    pub owner_from: Option<OwnerFrom>,
    /// Whether the caller must have every power that goes with the record.
    pub not_above: bool,
}

/// A way in that is neither owning the record nor a scope for everyone's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Way {
    /// The relation's, or the role's, name.
    pub name: &'static str,
    /// The scope that it takes.
    pub scope: &'static str,
}

impl Entry {
    /// A route without a rule.
    pub fn without_rule(access: &'static str) -> Self {
        Self { access, ..Self::default() }
    }

    /// A route with one; a collection has no owner.
    pub fn of(access: &'static str, rule: &Rule, names_a_record: bool) -> Self {
        let who = &rule.who;
        let way = |name, scope: Scope| Way { name, scope: scope.as_str() };
        Self {
            access,
            action: Some(format!("{} {}", rule.action, rule.resource)),
            own_scope: who.owner_scope().map(Scope::as_str),
            related: who.relations().map(|(relation, scope)| way(relation.name(), scope)).collect(),
            roles: who.roles().map(|(role, scope)| way(role.as_str(), scope)).collect(),
            any_scope: who.anyone_scope().map(Scope::as_str),
            only_while: who.state().map(Relation::name),
            owner_from: names_a_record.then_some(rule.owner_from),
            not_above: who.is_ranked(),
        }
    }

    /// Who, the scope for one's own, the scope for anyone's, and where the owner is read from.
    fn columns(&self) -> [String; 4] {
        let ways = |ways: Vec<String>| if ways.is_empty() { "–".to_owned() } else { ways.join("; ") };
        let named = |ways: &[Way], what: &str| {
            ways.iter().map(|way| format!("{what}{}: {}", way.name, way.scope)).collect::<Vec<_>>()
        };
        let scope = |scope: Option<&str>| scope.map(str::to_owned).into_iter().collect::<Vec<_>>();
        let owner = match self.owner_from {
            Some(OwnerFrom::Url) => "the URL",
            Some(OwnerFrom::Record) => "the record",
            Some(OwnerFrom::Nobody) | None => "–",
        };
        let who = match self.only_while {
            Some(state) => format!("{}, only while {state}", self.access),
            None => self.access.to_owned(),
        };
        let own = ways([scope(self.own_scope), named(&self.related, "")].concat());
        let any = ways([named(&self.roles, "role "), scope(self.any_scope)].concat());
        [who, own, if self.not_above { format!("{any}, not above") } else { any }, owner.to_owned()]
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
