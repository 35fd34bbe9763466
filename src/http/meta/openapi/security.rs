//! What the operations ask of a caller.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::authz::{Rule, Scope, Vocabulary};
use crate::http::kit::access::Access;

/// The ways in: each scope that opens one, once.
pub(crate) fn of(access: &Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Client => json!([{ "client": [] }]),
        Access::Authenticated => json!([{ "bearer": [] }]),
        Access::PublicWhileOpen(rule) => std::iter::once(json!({})).chain(ways(rule)).collect(),
        Access::Record(rule) | Access::Own(rule) | Access::Collection(rule) => ways(rule).collect(),
    }
}

fn ways(rule: &Rule) -> impl Iterator<Item = Value> {
    let scopes: BTreeSet<&str> = rule.who.scopes().map(Scope::as_str).collect();
    scopes.into_iter().map(|scope| json!({ "bearer": [scope] }))
}

/// A server that issues no tokens says where they come from in its metadata (RFC 9728), and knows
/// no clients.
pub(crate) fn schemes(issuer: &str, issues_tokens: bool, vocabulary: &Vocabulary) -> Value {
    if !issues_tokens {
        let description =
            "A bearer token (RFC 6750) of an issuer that /.well-known/oauth-protected-resource names";
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
            "description": "A bearer token (RFC 6750): a user's, who signs in at the pages, with PKCE (RFC 7636), \
                            or a client's own. `POST /sessions` gives one for an e-mail and a password.",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": authorization, "tokenUrl": token, "refreshUrl": token, "scopes": scopes,
                },
                "clientCredentials": { "tokenUrl": token, "scopes": scopes },
            },
        },
        "client": { "type": "http", "scheme": "basic", "description": "A client's id and secret (RFC 6749 §2.3.1)" },
    })
}
