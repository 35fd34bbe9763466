//! Tags: the groups of operations.

use serde_json::{Value, json};

use crate::http::kit::Route;

/// The groups: the prefix of their paths, their name, and their description.
const GROUPS: &[(&str, &str, &str)] = &[
    ("/users", "Users", "Accounts, profiles, passwords, roles and consents"),
    ("/audit", "Audit", "The audit trail of changes and refusals"),
    ("/password-resets", "Mailed links", "New passwords, invitations, and the proof of addresses"),
    ("/invitations", "Mailed links", "New passwords, invitations, and the proof of addresses"),
    ("/email-verifications", "Mailed links", "New passwords, invitations, and the proof of addresses"),
    ("/email-changes", "Mailed links", "New passwords, invitations, and the proof of addresses"),
    ("/sessions", "Sessions", "Login with e-mail and password, and logout"),
    ("/oauth", "OAuth", "The authorization server (RFC 6749, OpenID Connect)"),
    ("/clients", "Clients", "OAuth clients"),
    ("/keys", "Keys", "The keys that sign tokens"),
    ("/authz", "Authorization", "The authorization matrix and explanations of decisions"),
    ("/access", "Authorization", "The authorization matrix and explanations of decisions"),
    ("/.well-known", "Metadata", "Discovery documents and public keys"),
    ("/service", "Service", "Health, documentation and error codes"),
    ("/health", "Service", "Health, documentation and error codes"),
    ("/openapi.json", "Service", "Health, documentation and error codes"),
    ("/docs", "Service", "Health, documentation and error codes"),
    ("/problems", "Service", "Health, documentation and error codes"),
    ("/test", "Test", "Routes of a test server only"),
];

/// Returns the group of a path. An application's group has the name of its first path segment.
pub(crate) fn of_path(path: &'static str) -> &'static str {
    let first = |path: &'static str| path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let known = GROUPS.iter().find(|(begins, ..)| first(begins) == first(path));
    known.map_or_else(|| first(path), |(_, name, _)| name)
}

/// Returns the groups of these routes, in their order.
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
