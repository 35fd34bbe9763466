//! The matrix as one HTML file that needs nothing else, prints, and explains itself.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Answered, Matrix, Row};

/// Its stylesheet; a policy that lets nothing else in names it by its hash.
pub const STYLE: &str = include_str!("matrix.css");

/// Its filter; without it the page is whole.
pub const SCRIPT: &str = include_str!("matrix.js");

/// A page that needs nothing else, in the matrix's style and what more of it there is.
pub(crate) fn document(title: &str, style: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(style)) }
            }
            body { (body) }
        }
    }
    .into_string()
}

/// The page.
pub fn as_html(matrix: &Matrix) -> String {
    let title = format!("Who may do what in {}", matrix.name);
    let body = html! {
                h1 { (title) }
                p.quiet { "Version " (matrix.version) ", " (matrix.routes.len()) " routes. Made from the list that mounts \
                    the routes and the policy that decides: there is no other way in." }
                (how_to_read())
                (filter(matrix))
                (routes(matrix))
                h2 { "Who the callers are" }
                dl { @for caller in &matrix.callers { dt { (caller.name) } dd { (caller.meaning) } } }
                h2 { "What the roles grant" }
                dl { @for role in &matrix.roles { dt { (role.name) } dd { code { (role.scopes.join(" ")) } } } }
                h2 { "What the scopes mean" }
                dl { @for scope in &matrix.scopes { dt { code { (scope.name) } } dd { (scope.meaning) } } }
                script { (PreEscaped(SCRIPT)) }
    };
    document(&title, "", &body)
}

fn how_to_read() -> Markup {
    html! {
        p { "Each line is a route. “Own” is the scope that a token needs to reach what belongs to its user, “anyone's” \
            the scope that reaches what belongs to others. A green cell lets that caller in; the others tell what the \
            caller is answered instead." }
        p { "Every request is decided in this order, and the first step that fails decides:" }
        ol {
            li { "Is there an access token, and is it acceptable? Otherwise " b { "401" } "." }
            li { "Does it carry a scope for the route? Otherwise " b { "403 insufficient-scope" } ", before anything is \
                looked up." }
            li { "Is the record the caller's, or one that they reach otherwise? Where the owner is in the URL, " b {
                "403 not-owner" } ", before any lookup; where only the record tells, " b { "404" } ", the same as for a \
                record that is not there." }
            li { "Is it in the state that the rule asks for (“only while”)? Otherwise " b { "403 wrong-state" } "." }
            li { "“Not above”: on what is not their own, has the caller every power over others that goes with it? \
                Otherwise " b { "403 above-caller" } "." }
        }
    }
}

fn filter(matrix: &Matrix) -> Markup {
    html! {
        div.bar {
            input id="filter" type="search" placeholder="Filter: a path, a scope, a word" aria-label="Filter the routes";
            label {
                "that let in "
                select id="caller" {
                    option value="" { "whomever" }
                    @for caller in &matrix.callers { option value=(caller.name) { (caller.name) } }
                }
            }
            span.quiet id="count" role="status" {}
        }
    }
}

fn routes(matrix: &Matrix) -> Markup {
    html! {
        div.sheet {
            table id="routes" {
                thead {
                    tr {
                        @for heading in ["Route", "Who", "Own", "Anyone's", "Owner from"] { th scope="col" { (heading) } }
                        @for caller in &matrix.callers { th scope="col" title=(caller.meaning) { (caller.name) } }
                    }
                }
                tbody { @for row in &matrix.routes { (route(row)) } }
            }
        }
    }
}

fn route(row: &Row) -> Markup {
    let [who, own, any, owner] = row.entry.columns();
    html! {
        tr {
            th scope="row" { code { (row.route()) } small { (row.summary) } }
            td.rule { (who) }
            td { (own) }
            td { (any) }
            td { (owner) }
            @for answered in &row.answers { (answer(answered)) }
        }
    }
}

fn answer(answered: &Answered) -> Markup {
    html! {
        @match (answered.status, &answered.code) {
            (Some(status), Some(code)) => td.answer data-caller=(answered.caller) { (status) small { (code) } },
            _ => td.answer.in data-caller=(answered.caller) { "✓" },
        }
    }
}
