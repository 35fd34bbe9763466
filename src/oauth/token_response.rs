//! Token response (RFC 6749 §5.1).

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::userinfo::scope_claims;
use super::{OAuthContext, OAuthError};
use crate::authz::{EMAIL, OPENID, PROFILE};
use crate::domain::RefreshToken;
use crate::store::TokenSession;
use crate::token::{IdTokenRequest, IssueRequest, IssueTo, IssuedToken};

/// Token response of RFC 6749 §5.1. It holds the tokens, so it must reach the requesting client alone.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenResponse {
    /// Access token, a JWT by RFC 9068.
    #[schema(examples("eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.…"))]
    access_token: String,
    /// `Bearer`, or `DPoP` when the token is bound to a key (RFC 9449 §5).
    #[schema(examples("Bearer"))]
    token_type: String,
    /// Seconds until it expires.
    #[schema(examples(600))]
    expires_in: u64,
    /// Scopes of the token, separated by spaces.
    #[schema(examples("users:read users:write"))]
    scope: String,
    /// Gets the next token, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("t2Xw0mFhGkq7yTzLr4cVb1NpSdA9eUoJ6iMxHnQw8Yk"))]
    refresh_token: Option<String>,
    /// ID token of the user, for the client (OpenID Connect Core §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.…"))]
    id_token: Option<String>,
}

impl TokenResponse {
    /// Returns a response with an access token alone.
    pub(super) fn of(token: IssuedToken) -> Self {
        Self {
            access_token: token.access_token.expose().to_owned(),
            token_type: if token.is_bound { "DPoP" } else { "Bearer" }.to_owned(),
            expires_in: token.expires_in,
            scope: token.scope.to_string(),
            refresh_token: None,
            id_token: None,
        }
    }

    /// Issues the tokens of a session: an access token, and an ID token when the scope has `openid`. `with_userinfo`
    /// adds the claims of userinfo to the ID token.
    ///
    /// # Errors
    /// When signing fails, or the store.
    pub(super) async fn in_session(
        context: &OAuthContext<'_>,
        with_userinfo: bool,
        token_session: &TokenSession,
        nonce: Option<&str>,
    ) -> Result<Self, OAuthError> {
        let issuer = context.issuer;
        let has_id_token = token_session.scope.contains(OPENID) && issuer.signs_id_tokens();
        let userinfo = match has_id_token && with_userinfo {
            true => userinfo(context, token_session).await?,
            false => Map::new(),
        };
        let TokenSession { session, roles, epoch, client_epoch, scope, resource, dpop_jkt } = token_session;
        let client_id = session.client_id.as_ref().map(ToString::to_string).unwrap_or_default();
        let issued = issuer.issue(IssueRequest {
            subject: IssueTo::User {
                id: session.user_id,
                roles: roles.clone(),
                epoch: *epoch,
                client_epoch: *client_epoch,
                auth_time: session.auth_time,
            },
            client_id: client_id.clone(),
            scope,
            session: Some(session.id),
            audience: resource.as_deref(),
            bound_to: dpop_jkt.as_ref(),
        })?;
        let id_token = has_id_token.then(|| {
            issuer.issue_id_token(&IdTokenRequest {
                user: session.user_id,
                client_id: &client_id,
                auth_time: session.auth_time,
                nonce,
                session: session.id,
                access_token: &issued.access_token,
                userinfo: &userinfo,
            })
        });
        let id_token = id_token.transpose()?.map(|token| token.expose().to_owned());
        Ok(Self { id_token, ..Self::of(issued) })
    }

    /// Returns the response with a refresh token added.
    pub(super) fn with_refresh_token(self, token: &RefreshToken) -> Self {
        Self { refresh_token: Some(token.expose().to_owned()), ..self }
    }
}

/// Returns the claims of the user that the scope allows. Without such a scope nothing is read.
async fn userinfo(
    context: &OAuthContext<'_>,
    token_session: &TokenSession,
) -> Result<Map<String, Value>, OAuthError> {
    let TokenSession { session, scope, .. } = token_session;
    if !scope.contains(PROFILE) && !scope.contains(EMAIL) {
        return Ok(Map::new());
    }
    let known = context.store.user_and_profile(session.user_id).await?;
    Ok(known.map(|(user, profile)| scope_claims(&user, &profile, scope)).unwrap_or_default())
}
