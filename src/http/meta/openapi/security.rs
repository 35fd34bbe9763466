//! Security requirements of operations, and the security schemes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::authz::{Rule, Scope, Vocabulary};
use crate::http::kit::{Access, Cookies};

/// Returns the security requirements of a route: one for each scope that gives access, and one for a browser session
/// where it reaches one's own records.
pub(crate) fn of(access: &Access, has_browsers: bool) -> Value {
    let browser = || json!({ "browser": [] });
    match access {
        Access::Public => json!([]),
        Access::Client => json!([{ "client": [] }]),
        Access::Authenticated => {
            std::iter::once(json!({ "bearer": [] })).chain(has_browsers.then(browser)).collect()
        }
        Access::PublicWhileOpen(rule) => std::iter::once(json!({})).chain(requirements(rule)).collect(),
        Access::Record(rule) | Access::Own(rule) | Access::Collection(rule) | Access::CollectionOf(rule) => {
            let reaches_own = rule.condition.scopes().any(|scope| !scope.reaches_others());
            requirements(rule).chain((has_browsers && reaches_own).then(browser)).collect()
        }
    }
}

fn requirements(rule: &Rule) -> impl Iterator<Item = Value> {
    let scopes: BTreeSet<&str> = rule.condition.scopes().map(Scope::as_str).collect();
    scopes.into_iter().map(|scope| json!({ "bearer": [scope] }))
}

/// Returns the security schemes. A server that issues no tokens has no clients, and its metadata names the
/// issuers (RFC 9728).
pub(crate) fn schemes(issuer: &str, issues_tokens: bool, vocabulary: &Vocabulary) -> Value {
    if !issues_tokens {
        let description =
            "A bearer token (RFC 6750) from an issuer that /.well-known/oauth-protected-resource names";
        return json!({
            "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": description },
        });
    }
    let scopes: BTreeMap<&str, &str> =
        vocabulary.scopes().iter().map(|scope| (scope.as_str(), scope.meaning())).collect();
    let (authorization, token) = (format!("{issuer}/oauth/authorize"), format!("{issuer}/oauth/token"));
    json!({
        "bearer": {
            "type": "oauth2",
            "description": "A bearer token (RFC 6750) of a user or of a client. A user signs in on the sign-in page, \
                            with PKCE (RFC 7636), or by `POST /sessions` with e-mail and password.",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": authorization, "tokenUrl": token, "refreshUrl": token, "scopes": scopes,
                },
                "clientCredentials": { "tokenUrl": token, "scopes": scopes },
            },
        },
        "browser": {
            "type": "apiKey", "in": "cookie", "name": Cookies::of(issuer).session_name(),
            "description": "The cookie of a browser session, which `POST /sessions` with `cookie` or the sign-in page sets. \
                            It counts for pages of this server's own origin alone, and reaches the user's own records alone.",
        },
        "client": { "type": "http", "scheme": "basic", "description": "A client's id and secret (RFC 6749 §2.3.1)" },
    })
}
