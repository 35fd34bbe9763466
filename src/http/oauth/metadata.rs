//! `/.well-known/…`: where things are, and the public keys.

use std::sync::Arc;

use super::super::answer::Document;
use super::super::decide::Public;
use super::super::problem::{Code, Problem};
use super::super::services::Services;
use crate::oauth::metadata;

const METADATA_LIFETIME: &str = "public, max-age=300";

fn json_document(value: &serde_json::Value) -> Document {
    Document { media_type: "application/json", body: value.to_string(), cache_control: METADATA_LIFETIME }
}

/// `GET /.well-known/jwks.json`
pub async fn jwks(_: Public, services: Arc<Services>) -> Result<Document, Problem> {
    Ok(json_document(&services.verifier.jwks()))
}

/// `GET /.well-known/oauth-authorization-server` and `GET /.well-known/openid-configuration`
pub async fn authorization_server(_: Public, services: Arc<Services>) -> Result<Document, Problem> {
    let Services { issuer_url, issuer, vocabulary, .. } = services.as_ref();
    let algorithm = issuer.algorithm().ok_or_else(|| Problem::new(Code::Internal))?;
    Ok(json_document(&metadata::authorization_server(issuer_url, algorithm.as_str(), vocabulary)))
}

/// `GET /.well-known/oauth-protected-resource`
pub async fn protected_resource(_: Public, services: Arc<Services>) -> Result<Document, Problem> {
    let Services { issuer_url, audience, vocabulary, verifier, .. } = services.as_ref();
    let own = services.issues_tokens.then_some(issuer_url.as_str());
    let others = verifier.foreign_issuers().iter().map(|issuer| issuer.name());
    Ok(json_document(&metadata::protected_resource(own, others, audience, vocabulary)))
}
