//! `/.well-known/…`: the metadata documents, and the public keys.

use std::sync::Arc;

use utoipa::ToSchema;

use crate::http::kit::{Code, Problem, Public, Published, Services};
use crate::oauth::metadata;

const METADATA_LIFETIME: &str = "public, max-age=300";

/// The public keys (RFC 7517 §5).
#[derive(ToSchema)]
#[schema(examples(json!({ "keys": [{ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "q1N0bC4mVtY",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" }] })))]
#[expect(dead_code, reason = "its members are the document's documentation")]
pub struct JwkSet {
    /// The keys.
    keys: Vec<Jwk>,
}

/// A public key (RFC 7517 §4). Its other members depend on `kty`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the document's documentation")]
pub struct Jwk {
    /// `EC`, `OKP` or `RSA`.
    kty: String,
    /// The key's id, which the headers of tokens name.
    kid: String,
    /// The only algorithm of the key.
    alg: String,
}

/// Authorization server metadata (RFC 8414 §2, OpenID Connect Discovery §3). It has more members than these.
#[derive(ToSchema)]
#[schema(examples(json!({
    "issuer": "https://id.example.org",
    "authorization_endpoint": "https://id.example.org/oauth/authorize",
    "token_endpoint": "https://id.example.org/oauth/token",
    "jwks_uri": "https://id.example.org/.well-known/jwks.json",
    "scopes_supported": ["openid", "users:read"],
})))]
#[expect(dead_code, reason = "its members are the document's documentation")]
pub struct AuthorizationServerMetadata {
    /// The `iss` claim of tokens.
    issuer: String,
    /// The URL at which users sign in.
    authorization_endpoint: String,
    /// The URL at which clients get tokens.
    token_endpoint: String,
    /// The URL of the public keys.
    jwks_uri: String,
    /// The scopes that a client can request.
    scopes_supported: Vec<String>,
}

/// Protected resource metadata (RFC 9728 §2).
#[derive(ToSchema)]
#[schema(examples(json!({
    "resource": "https://id.example.org",
    "authorization_servers": ["https://id.example.org"],
    "bearer_methods_supported": ["header"],
    "scopes_supported": ["users:read"],
})))]
#[expect(dead_code, reason = "its members are the document's documentation")]
pub struct ProtectedResourceMetadata {
    /// The audience that tokens must have.
    resource: String,
    /// The accepted issuers of tokens.
    authorization_servers: Vec<String>,
    /// The supported ways to send a token.
    bearer_methods_supported: Vec<String>,
    /// The scopes that the routes require.
    scopes_supported: Vec<String>,
}

/// `GET /.well-known/jwks.json`
pub async fn jwks(_: Public, services: Arc<Services>) -> Result<Published<JwkSet>, Problem> {
    Ok(Published::new(&services.verifier.jwks(), METADATA_LIFETIME))
}

/// `GET /.well-known/oauth-authorization-server` and `GET /.well-known/openid-configuration`
pub async fn authorization_server(
    _: Public,
    services: Arc<Services>,
) -> Result<Published<AuthorizationServerMetadata>, Problem> {
    let Services { issuer_url, issuer, vocabulary, registration_open, .. } = services.as_ref();
    let algorithm = issuer.algorithm().ok_or_else(|| Problem::new(Code::Internal))?;
    let document =
        metadata::authorization_server(issuer_url, algorithm.as_str(), vocabulary, *registration_open);
    Ok(Published::new(&document, METADATA_LIFETIME))
}

/// `GET /.well-known/oauth-protected-resource`
pub async fn protected_resource(
    _: Public,
    services: Arc<Services>,
) -> Result<Published<ProtectedResourceMetadata>, Problem> {
    let Services { issuer_url, audience, vocabulary, verifier, .. } = services.as_ref();
    let own = services.issues_tokens.then_some(issuer_url.as_str());
    let others = verifier.external_issuers().iter().map(|issuer| issuer.name());
    let document = metadata::protected_resource(own, others, audience, vocabulary);
    Ok(Published::new(&document, METADATA_LIFETIME))
}
