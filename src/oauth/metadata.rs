//! Where things are: the metadata of the authorization server (RFC 8414) and of the resource
//! (RFC 9728), made from the tables that the server works by.

use serde_json::{Value, json};

use crate::authz::Scope;
use crate::domain::GrantType;

fn scopes() -> Vec<&'static str> {
    Scope::ALL.iter().map(|scope| scope.as_str()).collect()
}

/// `/.well-known/oauth-authorization-server`
pub fn authorization_server(issuer: &str) -> Value {
    let grants: Vec<&str> = GrantType::ALL.iter().map(|grant| grant.as_str()).collect();
    json!({
        "issuer": issuer,
        "token_endpoint": format!("{issuer}/oauth/token"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "response_types_supported": [],
        "grant_types_supported": grants,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": scopes(),
    })
}

/// `/.well-known/oauth-protected-resource`
pub fn protected_resource(issuer: &str, audience: &str) -> Value {
    json!({
        "resource": audience,
        "authorization_servers": [issuer],
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "bearer_methods_supported": ["header"],
        "scopes_supported": scopes(),
    })
}
