//! Where things are: the metadata of the authorization server (RFC 8414) and of the resource
//! (RFC 9728), made from the tables that the server works by.

use serde_json::{Value, json};

use crate::authz::{Scope, Vocabulary};
use crate::domain::GrantType;

fn scopes(vocabulary: &Vocabulary) -> Vec<&'static str> {
    vocabulary.scopes().iter().copied().map(Scope::as_str).collect()
}

/// `/.well-known/oauth-authorization-server`
pub fn authorization_server(issuer: &str, vocabulary: &Vocabulary) -> Value {
    let grants: Vec<&str> = GrantType::ALL.iter().map(|grant| grant.as_str()).collect();
    json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/token"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "response_types_supported": [],
        "grant_types_supported": grants,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": scopes(vocabulary),
    })
}

/// `/.well-known/oauth-protected-resource`
pub fn protected_resource(issuer: &str, audience: &str, vocabulary: &Vocabulary) -> Value {
    json!({
        "resource": audience,
        "authorization_servers": [issuer],
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "bearer_methods_supported": ["header"],
        "scopes_supported": scopes(vocabulary),
    })
}
