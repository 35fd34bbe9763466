//! `/.well-known/…`: the metadata documents, and the public keys.

use std::sync::Arc;

use utoipa::ToSchema;

use crate::http::kit::{Code, Problem, Public, Published, Services};
use crate::oauth::metadata::{AuthorizationServerMetadata, ProtectedResourceMetadata};

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

/// `GET /.well-known/jwks.json`
pub async fn jwks(_: Public, services: Arc<Services>) -> Result<Published<JwkSet>, Problem> {
    Ok(Published::from_bytes(services.verifier.jwks().to_string().into(), METADATA_LIFETIME))
}

/// `GET /.well-known/oauth-authorization-server` and `GET /.well-known/openid-configuration`
pub async fn authorization_server(
    _: Public,
    services: Arc<Services>,
) -> Result<Published<AuthorizationServerMetadata>, Problem> {
    let Services { issuer_url, issuer, vocabulary, registration_open, .. } = services.as_ref();
    let algorithm = issuer.algorithm().ok_or_else(|| Problem::new(Code::Internal))?;
    let document =
        AuthorizationServerMetadata::new(issuer_url, algorithm.as_str(), vocabulary, *registration_open);
    Ok(Published::of(&document, METADATA_LIFETIME))
}

/// `GET /.well-known/oauth-protected-resource`
pub async fn protected_resource(
    _: Public,
    services: Arc<Services>,
) -> Result<Published<ProtectedResourceMetadata>, Problem> {
    let Services { issuer_url, audience, vocabulary, verifier, .. } = services.as_ref();
    let own = services.issues_tokens.then_some(issuer_url.as_str());
    let others = verifier.external_issuers().iter().map(|issuer| issuer.name());
    let document = ProtectedResourceMetadata::new(own, others, audience, vocabulary);
    Ok(Published::of(&document, METADATA_LIFETIME))
}
