//! The matrix as one self-contained HTML file, for the screen and for printing.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{CallerAnswer, Matrix, RouteRow};

/// Stylesheet. The content security policy allows it by its hash.
pub const STYLE: &str = include_str!("matrix.css");

/// Script of the filter. The page is complete without it.
pub const SCRIPT: &str = include_str!("matrix.js");

/// Returns a self-contained page with the matrix's style and an additional `style`.
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
            body { main { (body) } }
        }
    }
    .into_string()
}

/// Returns the page.
pub fn as_html(matrix: &Matrix) -> String {
    let title = format!("Who may do what in {}", matrix.name);
    let body = html! {
                h1 { (title) }
                p.quiet { "Version " (matrix.version) ", " (matrix.routes.len()) " routes. The page is made from the list that \
                    mounts the routes and from the policy that decides. There is no other access." }
                (how_to_read())
                (filter(matrix))
                (routes(matrix))
                h2 { "Kinds of callers" }
                dl { @for caller in &matrix.callers { dt { (caller.name) } dd { (caller.meaning) } } }
                h2 { "Roles and their scopes" }
                dl { @for role in &matrix.roles { dt { (role.name) } dd { code { (role.scopes.join(" ")) } } } }
                h2 { "Scopes" }
                dl { @for scope in &matrix.scopes { dt { code { (scope.name) } } dd { (scope.meaning) } } }
                script { (PreEscaped(SCRIPT)) }
    };
    document(&title, "", &body)
}

fn how_to_read() -> Markup {
    html! {
        p { "Each line is a route. “Own” is the scope that a token needs to reach its user's own records; “anyone's” is \
            the scope that reaches everyone's records. A green cell permits the request of that caller. The other cells \
            show the refusal." }
        p { "The server takes these steps in this order. The first step that fails refuses the request:" }
        ol {
            li { "Is there an acceptable access token, or the cookie of a browser session? Otherwise: " b { "401" } ". A page \
                of another origin cannot use the cookie: " b { "403 foreign-origin" } "." }
            li { "Does the token carry a scope of the route? Otherwise: " b { "403 insufficient-scope" } ", before any \
                lookup." }
            li { "Does the caller own the record, or reach it in another way? Otherwise: " b { "403 not-owner" }
                " before any lookup if the URL names the owner; else " b { "404" } ", the same as for a record that \
                does not exist." }
            li { "Is the record in the required state (“only while”)? Otherwise: " b { "409 wrong-state" } "." }
            li { "“Not above”: on another user's record, does the caller have every power over others that the record \
                has? Otherwise: " b { "403 above-caller" } "." }
        }
    }
}

fn filter(matrix: &Matrix) -> Markup {
    html! {
        div.bar {
            input id="filter" type="search" placeholder="Filter: a path, a scope, a word" aria-label="Filter the routes";
            label {
                "permitted for "
                select id="caller" {
                    option value="" { "any caller" }
                    @for caller in &matrix.callers { option value=(caller.name) { (caller.name) } }
                }
            }
            span.quiet id="count" role="status" {}
        }
    }
}

fn routes(matrix: &Matrix) -> Markup {
    html! {
        div.sheet tabindex="0" role="region" aria-label="Routes" {
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

fn route(row: &RouteRow) -> Markup {
    let [who, own, any, owner] = row.rule.columns();
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

fn answer(answered: &CallerAnswer) -> Markup {
    html! {
        @match (answered.status, &answered.code) {
            (Some(status), Some(code)) => td.answer data-caller=(answered.caller) { (status) small { (code) } },
            _ => td.answer.in data-caller=(answered.caller) { "✓" },
        }
    }
}
