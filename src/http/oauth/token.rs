//! `POST /oauth/token`, `POST /oauth/revoke` and `POST /oauth/introspect`.

use std::sync::Arc;

use serde_json::Value;
use utoipa::ToSchema;

use super::ClientAuth;
use crate::domain::{Allowance, AuthorizationCode, Bucket, GrantType, RefreshToken};
use crate::http::kit::{Json, Problem, RateLimits, SentProof, Services};
use crate::oauth::authorization_code::{self, Redemption};
use crate::oauth::parameters::parameters;
use crate::oauth::refresh::{self, Refresh};
use crate::oauth::token_response::TokenResponse;
use crate::oauth::{OAuthError, optional_scope};
use crate::oauth::{client_credentials, introspection, revocation};
use crate::store::StoreError;
use crate::token::InvalidProof;

parameters! {
    /// The token request.
    pub struct TokenRequest {
        /// The grant type.
        grant_type: GrantType,
        /// The requested scopes, separated by spaces. Default: all scopes that can be granted.
        #[schema(required = false)]
        scope: String,
        /// The authorization code, for `authorization_code`.
        #[schema(required = false)]
        code: String,
        /// The redirect URI of the authorization request, for `authorization_code`.
        #[schema(required = false)]
        redirect_uri: String,
        /// The code verifier (RFC 7636), for `authorization_code`.
        #[schema(required = false)]
        code_verifier: String,
        /// The refresh token, for `refresh_token`.
        #[schema(required = false)]
        refresh_token: String,
        /// The resource for which the token is requested (RFC 8707). Default: this server.
        #[schema(required = false)]
        resource: String,
    }
    example { "grant_type": "client_credentials", "scope": "users:read:any" }
}

/// `POST /oauth/token`
pub async fn token(
    mut request: ClientAuth<TokenRequest>,
    SentProof(proof): SentProof,
    allowance: Allowance,
    services: Arc<Services>,
) -> Result<Json<TokenResponse>, Problem> {
    let grant_type = required(request.form.grant_type.as_deref(), "grant_type is missing")?;
    let grant_type: GrantType = grant_type.parse().map_err(|_| OAuthError::UnsupportedGrantType)?;
    let proof = match proof {
        Ok(None) if request.client.stored.client.dpop_bound => Err(InvalidProof::Missing),
        proof => proof,
    };
    request.client.proof = proof.as_ref().ok().cloned().flatten();
    let (context, client, form) = (services.oauth(), &request.client, &request.form);
    let failures = Failures { limits: &services.rate_limits, of: client.failures(), allowance };
    // Faults of the parameters are looked at after reuse of the code or the refresh token.
    let shared_parameters = || {
        proof.as_ref().map_err(|why| OAuthError::InvalidProof(*why))?;
        let scope = optional_scope(form.scope.as_deref(), context.vocabulary);
        let scope = scope.map_err(|_| OAuthError::InvalidScope)?;
        Ok(Refresh { scope, resource: context.resource_parameter(form.resource.as_deref())? })
    };
    let granted = match grant_type {
        GrantType::AuthorizationCode => {
            let code = AuthorizationCode::presented(required(form.code.as_deref(), "code is missing")?);
            failures.admit(context.store.has_code(code.hash())).await?;
            let parameters = shared_parameters().and_then(|shared| {
                let redirect_uri = required(form.redirect_uri.as_deref(), "redirect_uri is missing")?;
                Ok(Redemption {
                    redirect_uri: redirect_uri.to_owned(),
                    code_verifier: form.code_verifier.clone(),
                    resource: shared.resource,
                })
            });
            authorization_code::redeem(&context, client, &code, parameters).await
        }
        GrantType::ClientCredentials => {
            let Refresh { scope, resource } = shared_parameters()?;
            client_credentials::issue(&context, client, scope.as_ref(), resource.as_deref()).await
        }
        GrantType::RefreshToken => {
            let token = required(form.refresh_token.as_deref(), "refresh_token is missing")?;
            let token = RefreshToken::presented(token);
            failures.admit(context.store.has_refresh_token(token.hash())).await?;
            refresh::exchange(&context, client, &token, shared_parameters()).await
        }
    };
    if matches!(granted, Err(OAuthError::InvalidGrant)) {
        failures.count().await?;
    }
    let answer = granted?;
    services.metrics.tokens_issued.with_label_values(&[grant_type.as_str()]).inc();
    Ok(Json(answer))
}

/// Returns the value of a required parameter.
fn required<'a>(value: Option<&'a str>, missing: &'static str) -> Result<&'a str, OAuthError> {
    value.ok_or(OAuthError::InvalidRequest(missing))
}

/// Limit on wrong codes and refresh tokens.
struct Failures<'a> {
    limits: &'a RateLimits,
    /// The client or the network that they are counted for.
    of: Option<Bucket>,
    allowance: Allowance,
}

impl Failures<'_> {
    /// Refuses a code or a refresh token that does not exist, when there were too many. `exists` is looked up
    /// only then.
    async fn admit(&self, exists: impl Future<Output = Result<bool, StoreError>>) -> Result<(), Problem> {
        match self.limits.exhausted_until(self.of) {
            Some(_) if !exists.await? => self.limits.refuse_exhausted(self.of, &self.allowance),
            _ => Ok(()),
        }
    }

    async fn count(&self) -> Result<(), StoreError> {
        self.limits.count_failure(self.of, &self.allowance).await
    }
}

parameters! {
    /// The token to revoke or to introspect.
    pub struct TokenNamed {
        /// The token: an access token or a refresh token.
        token: String,
        /// The type of the token. It is accepted but not needed.
        #[schema(required = false)]
        #[expect(dead_code, reason = "it is accepted but not needed")]
        token_type_hint: String,
    }
    example { "token": "2YotnFZFEjr1zCsicMWpAA" }
}

/// An empty object.
#[derive(serde::Serialize, ToSchema)]
pub struct Nothing {}

/// `POST /oauth/revoke` (RFC 7009)
pub async fn revoke(
    request: ClientAuth<TokenNamed>,
    services: Arc<Services>,
) -> Result<Json<Nothing>, Problem> {
    let token = required(request.form.token.as_deref(), "token is missing")?;
    revocation::revoke(&services.oauth(), &request.client, token).await?;
    Ok(Json(Nothing {}))
}

/// The state and the claims of a token (RFC 7662 §2.2). For a token that is neither the client's nor meant for it, only
/// `active`.
#[derive(serde::Serialize, ToSchema)]
#[schema(
    as = Introspection,
    examples(json!({ "active": true, "token_type": "Bearer", "client_id": "photos", "scope": "users:read",
        "sub": "019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17", "exp": 1_764_100_200 }))
)]
pub struct IntrospectionView {
    /// True when the token is valid, and the requesting client is the one that it was issued to, or the resource
    /// server that it is meant for.
    active: bool,
    /// Its claims.
    #[serde(flatten)]
    claims: serde_json::Map<String, Value>,
}

/// `POST /oauth/introspect` (RFC 7662)
pub async fn introspect(
    request: ClientAuth<TokenNamed>,
    services: Arc<Services>,
) -> Result<Json<IntrospectionView>, Problem> {
    let context = services.oauth();
    if request.client.stored.client.is_public() && !fault!(introspection_by_public_client) {
        // RFC 7662 §2.1: the requesting client must authenticate.
        return Err(OAuthError::InvalidClient { basic: false, registered: None }.into());
    }
    let token = required(request.form.token.as_deref(), "token is missing")?;
    let claims = introspection::introspect(&context, &request.client, token).await?;
    Ok(Json(IntrospectionView { active: claims.is_some(), claims: claims.unwrap_or_default() }))
}
