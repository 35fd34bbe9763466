//! The groups in which the operations are shown.

use serde_json::{Value, json};

use crate::http::kit::route::Route;

/// Where the paths of a group begin, its name, and what it is about.
const GROUPS: &[(&str, &str, &str)] = &[
    ("/users", "Users", "Accounts and what belongs to them"),
    ("/audit", "Audit", "Who did, or was refused, what"),
    ("/sessions", "Sessions", "Logging in with e-mail and password, and out"),
    ("/oauth", "OAuth", "The authorization server (RFC 6749, OpenID Connect)"),
    ("/clients", "Clients", "Programs that get tokens"),
    ("/keys", "Keys", "What tokens are signed with"),
    ("/authz", "Authorization", "Who may do what, and why not"),
    ("/access", "Authorization", "Who may do what, and why not"),
    ("/.well-known", "Metadata", "Where things are, and the public keys"),
    ("/health", "Service", "The server about itself"),
    ("/openapi.json", "Service", "The server about itself"),
    ("/docs", "Service", "The server about itself"),
    ("/problems", "Service", "The server about itself"),
    ("/test", "Test", "What only a server made for tests has"),
];

/// The group of a path; an application's own are called as their paths begin.
pub(crate) fn of_path(path: &'static str) -> &'static str {
    let first = |path: &'static str| path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let known = GROUPS.iter().find(|(begins, ..)| first(begins) == first(path));
    known.map_or_else(|| first(path), |(_, name, _)| name)
}

/// The groups of these routes, in their order.
pub(crate) fn of(routes: &[&Route]) -> Value {
    let mut names: Vec<&str> = Vec::new();
    for name in routes.iter().map(|route| of_path(route.path)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let tag = |name: &&str| match GROUPS.iter().find(|(_, known, _)| known == name) {
        Some((.., about)) => json!({ "name": name, "description": about }),
        None => json!({ "name": name }),
    };
    names.iter().map(tag).collect()
}
