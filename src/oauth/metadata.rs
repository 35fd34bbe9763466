//! Metadata of the authorization server (RFC 8414, OpenID Connect Discovery §3) and of the protected
//! resource (RFC 9728). The values come from the same constants that the server checks requests with.

use serde_json::{Value, json};

use super::authorization_response::ResponseMode;
use crate::authz::{Scope, Vocabulary};
use crate::domain::{ClientAuthentication, GrantType, ProfileClaim};
use crate::token::{ASSERTION_ALGORITHMS, DPOP_ALGORITHMS};

/// Returns the URL of a metadata document: its name is between the host and the path of the issuer (RFC 8414
/// §3.1, RFC 9728 §3.1).
pub fn well_known_url(issuer: &str, name: &str) -> String {
    let path = issuer_path(issuer);
    let origin = issuer.strip_suffix(path).unwrap_or(issuer);
    format!("{origin}/.well-known/{name}{path}")
}

/// Returns the path of the issuer's URL, which is empty or begins with `/`.
pub fn issuer_path(issuer: &str) -> &str {
    let host = issuer.find("://").map_or(0, |at| at + 3);
    issuer.get(host..).and_then(|rest| rest.find('/').map(|at| rest.split_at(at).1)).unwrap_or_default()
}

fn scopes(vocabulary: &Vocabulary) -> Vec<&'static str> {
    vocabulary.scopes().iter().copied().map(Scope::as_str).collect()
}

/// Returns the document of `/.well-known/oauth-authorization-server` and of
/// `/.well-known/openid-configuration`. `algorithm` signs ID tokens.
pub fn authorization_server(
    issuer: &str,
    algorithm: &str,
    vocabulary: &Vocabulary,
    registration_open: bool,
) -> Value {
    let create = registration_open.then_some("create");
    let prompts: Vec<&str> =
        ["none", "login", "consent", "select_account"].into_iter().chain(create).collect();
    let at = |path: &str| format!("{issuer}{path}");
    let methods = ClientAuthentication::ALL.map(ClientAuthentication::as_str);
    let grants = GrantType::ALL.map(GrantType::as_str);
    let claims = ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "sid", "email", "email_verified"];
    let profile = ProfileClaim::ALL.into_iter().filter(|claim| *claim != ProfileClaim::Bio);
    let claims: Vec<&str> =
        claims.into_iter().chain(profile.map(ProfileClaim::as_str)).chain(["updated_at"]).collect();
    json!({
        "issuer": issuer,
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "introspection_endpoint": at("/oauth/introspect"),
        "revocation_endpoint": at("/oauth/revoke"),
        "userinfo_endpoint": at("/oauth/userinfo"),
        "end_session_endpoint": at("/oauth/logout"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "response_types_supported": ["code"],
        "response_modes_supported": ResponseMode::ALL.map(|(name, _)| name),
        "grant_types_supported": grants,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": prompts,
        "token_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "introspection_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "revocation_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "dpop_signing_alg_values_supported": DPOP_ALGORITHMS,
        "authorization_response_iss_parameter_supported": true,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [algorithm],
        "scopes_supported": scopes(vocabulary),
        "claims_supported": claims,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}

/// Returns the document of `/.well-known/oauth-protected-resource`. It names the issuers whose tokens are
/// accepted, our own first. `own` is none where the server issues no tokens.
pub fn protected_resource<'a>(
    own: Option<&'a str>,
    others: impl Iterator<Item = &'a str>,
    audience: &str,
    vocabulary: &Vocabulary,
) -> Value {
    let mut metadata = json!({
        "resource": audience,
        "authorization_servers": own.into_iter().chain(others).collect::<Vec<_>>(),
        "bearer_methods_supported": ["header"],
        "scopes_supported": scopes(vocabulary),
    });
    if let (Some(own), Some(members)) = (own, metadata.as_object_mut()) {
        // Key-bound tokens of external issuers are not accepted.
        members.insert("dpop_signing_alg_values_supported".to_owned(), json!(DPOP_ALGORITHMS));
        members.insert("jwks_uri".to_owned(), format!("{own}/.well-known/jwks.json").into());
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_issuer_follows_the_name_of_the_document() {
        for (issuer, url) in [
            ("https://id.example.org", "https://id.example.org/.well-known/x"),
            ("https://id.example.org:8443", "https://id.example.org:8443/.well-known/x"),
            ("https://id.example.org/tenant", "https://id.example.org/.well-known/x/tenant"),
            ("https://id.example.org/a/b", "https://id.example.org/.well-known/x/a/b"),
        ] {
            assert_eq!(well_known_url(issuer, "x"), url);
        }
    }
}
