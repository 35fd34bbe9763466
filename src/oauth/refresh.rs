//! The refresh token grant (RFC 6749 §6): each refresh token is used once and followed by the next.

use std::sync::Arc;

use super::client_authentication::AuthenticatedClient;
use super::token_answer::TokenAnswer;
use super::{Means, OAuthError, granted, registered};
use crate::authz::ScopeSet;
use crate::domain::{GrantType, Random, RefreshToken};
use crate::store::{Entitled, RefreshRefused, RefreshedBy, StoreError};
use crate::token::{IssueError, Issuer, TokenSeal};

/// What of the answer is sealed.
const CONTEXT: &str = "refresh answer";

/// Exchanges a refresh token. The client, its user and the scope are looked at anew. Whoever
/// repeats the very last exchange within a few seconds gets the same answer: it rests sealed with
/// the refresh token itself, which is kept nowhere.
///
/// # Errors
/// [`OAuthError::InvalidGrant`], [`OAuthError::InvalidScope`], or a failure.
pub async fn exchange(
    with: &Means<'_>,
    client: &AuthenticatedClient,
    token: &RefreshToken,
    asked: Option<ScopeSet>,
    resource: Option<String>,
) -> Result<TokenAnswer, OAuthError> {
    let AuthenticatedClient { stored, dpop_jkt, origin } = client;
    if !stored.client.grants.contains(&GrantType::RefreshToken) {
        return Err(OAuthError::UnauthorizedClient);
    }
    let by = RefreshedBy {
        client: stored.client.id.clone(),
        registered: registered(stored, with.vocabulary),
        dpop_jkt: dpop_jkt.clone(),
        is_public: stored.client.is_public(),
        resource,
        origin: origin.clone(),
    };
    let seal = TokenSeal::of(token.expose());
    let successor = RefreshToken::generate(with.random)?;
    let hash = successor.hash();
    let narrow = move |grantable: &ScopeSet| granted(asked.as_ref(), grantable).ok();
    let maker =
        Maker { issuer: with.issuer.clone(), random: with.random.clone(), seal: seal.clone(), successor };
    let issue = move |entitled: &Entitled| {
        maker
            .sealed_answer(entitled)
            .map_err(|why| StoreError::Internal(format!("no answer to a refresh: {why}")))
    };
    let sealed = with.store.refresh(token.hash(), hash, by, narrow, issue).await?;
    let sealed = sealed.map_err(|refused| match refused {
        RefreshRefused::Scope => OAuthError::InvalidScope,
        RefreshRefused::Target => OAuthError::InvalidTarget,
        RefreshRefused::Unknown | RefreshRefused::Reused | RefreshRefused::Key => OAuthError::InvalidGrant,
    })?;
    let answer = seal.open(&sealed, CONTEXT).map_err(|_| OAuthError::InvalidGrant)?;
    serde_json::from_slice(&answer).map_err(|_| OAuthError::InvalidGrant)
}

/// What the answer is made with, inside the transaction that uses the token up.
struct Maker {
    issuer: Arc<Issuer>,
    random: Random,
    seal: TokenSeal,
    successor: RefreshToken,
}

impl Maker {
    fn sealed_answer(&self, entitled: &Entitled) -> Result<Vec<u8>, IssueError> {
        let answer =
            TokenAnswer::in_session(&self.issuer, entitled, None)?.with_refresh_token(&self.successor);
        let answer = serde_json::to_vec(&answer).map_err(|_| IssueError::NotSigned)?;
        self.seal.seal(&self.random, &answer, CONTEXT).map_err(|_| IssueError::NotSigned)
    }
}
