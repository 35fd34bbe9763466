//! The authorization server. One file a grant, one an endpoint's own work:
//!
//! | | file |
//! |---|---|
//! | RFC 6749 §2.3, RFC 7523: client authentication | [`client_authentication`] |
//! | RFC 6749 §4.1.1, OpenID Connect Core §3.1.2: the authorization request | [`authorization_request`] |
//! | what a user has to do before a client gets in | [`authorization`] |
//! | RFC 6749 §4.1.3, RFC 7636: codes | [`authorization_code`] |
//! | RFC 6749 §4.4: client credentials | [`client_credentials`] |
//! | RFC 6749 §6: refresh tokens | [`refresh`] |
//! | RFC 6749 §5.1: what a grant is answered with | [`token_answer`] |
//! | first-party login with a password | [`password_login`] |
//! | OpenID Connect RP-Initiated Logout | [`logout`] |
//! | RFC 7009: revocation | [`revocation`] |
//! | RFC 7662: introspection | [`introspection`] |
//! | OpenID Connect Core §5.3: userinfo | [`userinfo`] |
//! | RFC 8414, OpenID Connect Discovery, RFC 9728: metadata | [`metadata`] |

pub mod authorization;
pub mod authorization_code;
pub mod authorization_request;
pub mod client_authentication;
pub mod client_credentials;
pub(crate) mod docs_client;
mod error;
pub mod introspection;
pub mod logout;
pub mod metadata;
pub mod password_login;
pub mod refresh;
pub mod revocation;
pub mod token_answer;
pub mod userinfo;

pub use error::OAuthError;

use std::sync::Arc;

use chrono::TimeDelta;

use crate::authz::{ScopeSet, Vocabulary};
use crate::domain::{Allowance, ClientId, Clock, Invalid, Random};
use crate::hashing::Hasher;
use crate::store::{Recorder, StoredClient, TrustedStore};
use crate::token::{Issuer, Verifier};

/// What the authorization server works with.
pub struct Means<'a> {
    /// Where accounts, clients and sessions are kept.
    pub(crate) store: &'a TrustedStore,
    /// The lane in which a password is checked.
    pub hasher: &'a Hasher,
    /// Whether guesses at passwords are limited.
    pub limits: bool,
    /// Where it is noted what is left to whoever guesses.
    pub allowance: Allowance,
    /// What issues tokens.
    pub issuer: &'a Arc<Issuer>,
    /// What says whether a token is one of ours.
    pub verifier: &'a Verifier,
    /// What takes a failed login for the audit trail.
    pub recorder: &'a Recorder,
    /// The scopes and roles of the application.
    pub vocabulary: &'a Vocabulary,
    /// Where codes and refresh tokens come from.
    pub random: &'a Random,
    /// The time.
    pub clock: &'a Clock,
    /// By how much clocks may differ.
    pub leeway: TimeDelta,
    /// `iss`, and the beginning of every link.
    pub issuer_url: &'a str,
    /// Where tokens can be meant to be taken (RFC 8707 §2), this server first.
    pub resources: &'a [String],
}

impl Means<'_> {
    /// The same, and it is noted there what is left.
    pub fn noting(mut self, allowance: &Allowance) -> Self {
        self.allowance = allowance.clone();
        self
    }

    /// The client that somebody names so; none for what could not be the name of one.
    ///
    /// # Errors
    /// When the store fails.
    async fn client_named(&self, id: &str) -> Result<Option<StoredClient>, OAuthError> {
        match id.parse::<ClientId>() {
            Ok(id) => Ok(self.store.client_by_id(id).await?),
            Err(_) => Ok(None),
        }
    }
}

/// Reads a `scope` parameter (RFC 6749 §3.3). Names that the server does not know grant nothing.
///
/// # Errors
/// When it is no list of scope tokens, or a longer one than anybody needs.
pub fn scope_parameter(list: &str, vocabulary: &Vocabulary) -> Result<ScopeSet, Invalid> {
    let token = |token: &str| {
        !token.is_empty() && token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    };
    if list.len() > 4_096 || list.split(' ').count() > 128 || !list.split(' ').all(token) {
        return Err(Invalid::new("invalid-scope", "must be at most 128 scopes, separated by single spaces"));
    }
    Ok(vocabulary.scopes_in(list))
}

/// All that a client is registered for.
fn registered(client: &StoredClient, vocabulary: &Vocabulary) -> ScopeSet {
    vocabulary.scopes_in(&client.client.scope.join(" "))
}

/// What is granted: what was asked for, as far as the client is registered for it and, for a user,
/// the roles grant it. Everything that could be granted when nothing in particular was asked for.
fn granted(asked: Option<&ScopeSet>, grantable: &ScopeSet) -> Result<ScopeSet, OAuthError> {
    let granted = asked.map_or_else(|| grantable.clone(), |asked| asked.intersection(grantable));
    if granted.is_empty() && asked.is_some() { Err(OAuthError::InvalidScope) } else { Ok(granted) }
}

/// Reads a `resource` parameter (RFC 8707 §2).
///
/// # Errors
/// [`OAuthError::InvalidTarget`] when this server issues no tokens for it.
pub fn resource_parameter(asked: Option<&str>, known: &[String]) -> Result<Option<String>, OAuthError> {
    match asked {
        None => Ok(None),
        Some(asked) if known.iter().any(|known| known == asked) => Ok(Some(asked.to_owned())),
        Some(_) => Err(OAuthError::InvalidTarget),
    }
}
