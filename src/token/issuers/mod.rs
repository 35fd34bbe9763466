//! Other people's issuers: whose tokens are taken besides our own, and the keys that prove them.
//!
//! An issuer has keys, an audience and algorithms of its own, and they are used for the tokens that
//! name it as `iss` and for no others: a key never vouches for another issuer (RFC 9700 §2.2, §4.4).
//! The keys are fetched from where the configuration says, and never from where a token says.

mod address;
mod fetch;
pub(in crate::token) mod foreign_claims;
pub(in crate::token) mod identity_cache;
mod jwks;
mod refresh;
mod roots;
mod unknown_keys;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use jsonwebtoken::Algorithm;
use url::Url;

pub(crate) use address::is_safe;
pub(crate) use fetch::tls;
pub(crate) use refresh::follow;

use super::keys::VerificationKeys;
use super::keys::verification_key::VerificationKey;
use unknown_keys::{Demand, Wait};

/// An issuer that the operator trusts, as the configuration has it.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    pub(crate) issuer: String,
    pub(crate) audience: Option<String>,
    pub(crate) algorithms: Vec<Algorithm>,
    /// None: the issuer's own metadata say where its keys are.
    pub(crate) jwks_uri: Option<Url>,
    pub(crate) typ: TokenTyp,
    pub(crate) scope_claims: Vec<String>,
    /// The issuer's names, each with those of our scopes that it stands for.
    pub(crate) scopes: BTreeMap<String, Vec<String>>,
    pub(crate) client_id_claim: String,
    pub(crate) client_token: ClientToken,
    pub(crate) provision: bool,
}

/// Which `typ` the access tokens of an issuer have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenTyp {
    /// `at+jwt` (RFC 9068 §2.1).
    AccessToken,
    /// `JWT` too, which its ID tokens have as well: they have to be told apart by what they say.
    Any,
}

/// How a token that a client got for itself is told from a user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientToken {
    /// `sub` is the client (RFC 9068 §2.2).
    SubjectIsClient,
    /// This claim is there, and says this if anything is expected of it.
    Claim(String, Option<String>),
}

impl TrustedIssuer {
    /// Its name: the `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// One that is trusted with what an issuer is when nothing else is said.
    #[cfg(test)]
    pub(super) fn of_tests(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            audience: None,
            algorithms: vec![Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256, Algorithm::PS256],
            jwks_uri: None,
            typ: TokenTyp::AccessToken,
            scope_claims: vec!["scope".to_owned()],
            scopes: BTreeMap::new(),
            client_id_claim: "client_id".to_owned(),
            client_token: ClientToken::SubjectIsClient,
            provision: false,
        }
    }

    /// Names in its map of scopes that lead to none of these.
    pub(crate) fn unknown_scopes(&self, is_known: impl Fn(&str) -> bool) -> Vec<&str> {
        self.scopes.values().flatten().map(String::as_str).filter(|name| !is_known(name)).collect()
    }
}

/// A trusted issuer at work: with its keys, as far as they are known.
pub struct ForeignIssuer {
    pub(super) settings: TrustedIssuer,
    pub(super) audience: String,
    keys: RwLock<Arc<VerificationKeys>>,
    demand: Demand,
}

impl ForeignIssuer {
    /// Without any key yet; [`follow`] brings them.
    pub(super) fn new(settings: TrustedIssuer, our_audience: &str) -> Self {
        Self {
            audience: settings.audience.clone().unwrap_or_else(|| our_audience.to_owned()),
            settings,
            keys: RwLock::new(Arc::new(VerificationKeys::of(Vec::new()))),
            demand: Demand::new(),
        }
    }

    /// The `iss` of its tokens.
    pub fn name(&self) -> &str {
        &self.settings.issuer
    }

    /// The keys that verify its tokens now.
    pub(super) fn keys(&self) -> Arc<VerificationKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on these verify its tokens, and no others.
    pub(super) fn replace_keys(&self, keys: Vec<VerificationKey>) {
        let keys = Arc::new(VerificationKeys::of(keys.into_iter().map(Arc::new).collect()));
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// A wait for keys that may have come since; none when it would be in vain.
    pub(super) fn wait_for_keys(&self, now: DateTime<Utc>) -> Option<Wait<'_>> {
        self.demand.wait(now)
    }
}
