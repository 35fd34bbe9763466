//! Metadata of the authorization server (RFC 8414, OpenID Connect Discovery §3) and of the protected
//! resource (RFC 9728). The values come from the same constants that the server checks requests with.

use serde::Serialize;
use utoipa::ToSchema;

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

/// Authorization server metadata (RFC 8414 §2, OpenID Connect Discovery §3). It has more members than these.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "issuer": "https://id.example.org",
    "authorization_endpoint": "https://id.example.org/oauth/authorize",
    "token_endpoint": "https://id.example.org/oauth/token",
    "jwks_uri": "https://id.example.org/.well-known/jwks.json",
    "scopes_supported": ["openid", "users:read"],
})))]
pub(crate) struct AuthorizationServerMetadata {
    /// The `iss` claim of tokens.
    issuer: String,
    /// The URL at which users sign in.
    authorization_endpoint: String,
    /// The URL at which clients get tokens.
    token_endpoint: String,
    #[schema(ignore)]
    introspection_endpoint: String,
    #[schema(ignore)]
    revocation_endpoint: String,
    #[schema(ignore)]
    userinfo_endpoint: String,
    #[schema(ignore)]
    end_session_endpoint: String,
    /// The URL of the public keys.
    jwks_uri: String,
    #[schema(ignore)]
    response_types_supported: [&'static str; 1],
    #[schema(ignore)]
    response_modes_supported: Vec<&'static str>,
    #[schema(ignore)]
    grant_types_supported: Vec<&'static str>,
    #[schema(ignore)]
    code_challenge_methods_supported: [&'static str; 1],
    #[schema(ignore)]
    prompt_values_supported: Vec<&'static str>,
    #[schema(ignore)]
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    #[schema(ignore)]
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    #[schema(ignore)]
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    #[schema(ignore)]
    token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    #[schema(ignore)]
    introspection_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    #[schema(ignore)]
    revocation_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    #[schema(ignore)]
    dpop_signing_alg_values_supported: Vec<&'static str>,
    #[schema(ignore)]
    authorization_response_iss_parameter_supported: bool,
    #[schema(ignore)]
    subject_types_supported: [&'static str; 1],
    #[schema(ignore)]
    id_token_signing_alg_values_supported: [String; 1],
    /// The scopes that a client can request.
    #[schema(value_type = Vec<String>)]
    scopes_supported: Vec<&'static str>,
    #[schema(ignore)]
    claims_supported: Vec<&'static str>,
    #[schema(ignore)]
    claims_parameter_supported: bool,
    #[schema(ignore)]
    request_parameter_supported: bool,
    #[schema(ignore)]
    request_uri_parameter_supported: bool,
}

/// Protected resource metadata (RFC 9728 §2).
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "resource": "https://id.example.org",
    "authorization_servers": ["https://id.example.org"],
    "bearer_methods_supported": ["header"],
    "scopes_supported": ["users:read"],
})))]
pub(crate) struct ProtectedResourceMetadata {
    /// The audience that tokens must have.
    resource: String,
    /// The accepted issuers of tokens.
    authorization_servers: Vec<String>,
    /// The supported ways to send a token.
    #[schema(value_type = Vec<String>)]
    bearer_methods_supported: Vec<&'static str>,
    /// The scopes that the routes require.
    #[schema(value_type = Vec<String>)]
    scopes_supported: Vec<&'static str>,
    // Key-bound tokens of external issuers are not accepted.
    #[schema(ignore)]
    #[serde(skip_serializing_if = "Option::is_none")]
    dpop_signing_alg_values_supported: Option<Vec<&'static str>>,
    #[schema(ignore)]
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
}

impl AuthorizationServerMetadata {
    /// Returns the document of `/.well-known/oauth-authorization-server` and of
    /// `/.well-known/openid-configuration`. `algorithm` signs ID tokens.
    pub(crate) fn new(
        issuer: &str,
        algorithm: &str,
        vocabulary: &Vocabulary,
        registration_open: bool,
    ) -> Self {
        let create = registration_open.then_some("create");
        let prompts = ["none", "login", "consent", "select_account"].into_iter().chain(create);
        let at = |path: &str| format!("{issuer}{path}");
        let methods = || ClientAuthentication::ALL.map(ClientAuthentication::as_str).to_vec();
        let algorithms = || ASSERTION_ALGORITHMS.to_vec();
        Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: at("/oauth/authorize"),
            token_endpoint: at("/oauth/token"),
            introspection_endpoint: at("/oauth/introspect"),
            revocation_endpoint: at("/oauth/revoke"),
            userinfo_endpoint: at("/oauth/userinfo"),
            end_session_endpoint: at("/oauth/logout"),
            jwks_uri: at("/.well-known/jwks.json"),
            response_types_supported: ["code"],
            response_modes_supported: ResponseMode::ALL.map(|(name, _)| name).to_vec(),
            grant_types_supported: GrantType::ALL.map(GrantType::as_str).to_vec(),
            code_challenge_methods_supported: ["S256"],
            prompt_values_supported: prompts.collect(),
            token_endpoint_auth_methods_supported: methods(),
            introspection_endpoint_auth_methods_supported: methods(),
            revocation_endpoint_auth_methods_supported: methods(),
            token_endpoint_auth_signing_alg_values_supported: algorithms(),
            introspection_endpoint_auth_signing_alg_values_supported: algorithms(),
            revocation_endpoint_auth_signing_alg_values_supported: algorithms(),
            dpop_signing_alg_values_supported: DPOP_ALGORITHMS.to_vec(),
            authorization_response_iss_parameter_supported: true,
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: [algorithm.to_owned()],
            scopes_supported: scopes(vocabulary),
            claims_supported: claims(),
            claims_parameter_supported: false,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
        }
    }
}

/// Returns the claims of ID tokens and of userinfo.
fn claims() -> Vec<&'static str> {
    let own = ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "sid", "email", "email_verified"];
    let profile = ProfileClaim::ALL.into_iter().filter(|claim| *claim != ProfileClaim::Bio);
    own.into_iter().chain(profile.map(ProfileClaim::as_str)).chain(["updated_at"]).collect()
}

impl ProtectedResourceMetadata {
    /// Returns the document of `/.well-known/oauth-protected-resource`. It names the issuers whose tokens are
    /// accepted, our own first. `own` is none where the server issues no tokens.
    pub(crate) fn new<'a>(
        own: Option<&'a str>,
        others: impl Iterator<Item = &'a str>,
        audience: &str,
        vocabulary: &Vocabulary,
    ) -> Self {
        Self {
            resource: audience.to_owned(),
            authorization_servers: own.into_iter().chain(others).map(str::to_owned).collect(),
            bearer_methods_supported: vec!["header"],
            scopes_supported: scopes(vocabulary),
            dpop_signing_alg_values_supported: own.map(|_| DPOP_ALGORITHMS.to_vec()),
            jwks_uri: own.map(|own| format!("{own}/.well-known/jwks.json")),
        }
    }
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
