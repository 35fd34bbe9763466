//! Settings of an external issuer.

use std::collections::BTreeMap;

use jsonwebtoken::Algorithm;
use url::Url;

/// Settings of an external issuer that the operator trusts.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    pub(crate) issuer: String,
    /// Accepted audiences. Empty for that of this server.
    pub(crate) audiences: Vec<String>,
    /// Claim that names the audience: `aud`, or the client where tokens have no `aud`.
    pub(crate) audience_claim: String,
    pub(crate) algorithms: Vec<Algorithm>,
    /// URL of the JWK Set. None when the issuer's metadata name it.
    pub(crate) jwks_uri: Option<Url>,
    pub(crate) typ: TokenTyp,
    pub(crate) scope_claims: Vec<String>,
    /// Scopes of the issuer, each with our scopes that it stands for.
    pub(crate) scopes: BTreeMap<String, Vec<String>>,
    pub(crate) client_id_claim: String,
    /// Claim that names a user: `sub`, or one that the operator chose in its place.
    pub(crate) subject_claim: String,
    pub(crate) client_token: ClientToken,
    pub(crate) provision: bool,
    /// Set when its keys may come over http from a private network, for development.
    pub(crate) allow_http: bool,
}

/// `typ` header of an issuer's access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenTyp {
    /// `at+jwt` (RFC 9068 §2.1).
    AccessToken,
    /// `JWT` too. ID tokens have the same `typ`, so they are recognised by their claims.
    Any,
    /// No `typ`, or `at+jwt`. ID tokens have no `typ` either, so they are recognised by their claims.
    Absent,
}

/// How a client's own token is distinguished from a user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientToken {
    /// `sub` is the client (RFC 9068 §2.2).
    SubjectIsClient,
    /// This claim exists, and has this value if one is given.
    Claim(String, Option<String>),
}

impl TrustedIssuer {
    /// Returns the `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns an issuer with the default settings.
    #[cfg(test)]
    pub(in crate::token) fn of_tests(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audiences: Vec::new(),
            audience_claim: "aud".to_owned(),
            algorithms: vec![Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256, Algorithm::PS256],
            jwks_uri: None,
            typ: TokenTyp::AccessToken,
            scope_claims: vec!["scope".to_owned()],
            scopes: BTreeMap::new(),
            client_id_claim: "client_id".to_owned(),
            subject_claim: "sub".to_owned(),
            client_token: ClientToken::SubjectIsClient,
            provision: false,
            allow_http: false,
        }
    }

    /// Returns the targets of the scope map that are not known scopes.
    pub(crate) fn unknown_scopes(&self, is_known: impl Fn(&str) -> bool) -> Vec<&str> {
        self.scopes.values().flatten().map(String::as_str).filter(|name| !is_known(name)).collect()
    }
}
