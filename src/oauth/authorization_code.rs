//! Authorization code grant (RFC 6749 §4.1.3) with PKCE (RFC 7636). PKCE is required, and S256 is the
//! only challenge method.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use super::client_authentication::AuthenticatedClient;
use super::scope::registered_scopes;
use super::token_response::TokenResponse;
use super::{OAuthContext, OAuthError};
use crate::domain::{AuthorizationCode, GrantType, RefreshToken};
use crate::store::{CodeBinding, CodeRedemption, CodeRefused};

/// Parameters of a request that redeems a code.
#[derive(Default)]
pub struct Redemption {
    /// Redirect URI; must equal the one of the authorization request.
    pub redirect_uri: String,
    /// PKCE verifier (RFC 7636 §4.5).
    pub code_verifier: Option<String>,
    /// Resource (RFC 8707 §2.2); may be left out, as the authorization request has it already.
    pub resource: Option<String>,
}

/// Redeems a code, once. A second redemption revokes the tokens of the first one, even when `parameters` is
/// the fault of the request.
///
/// # Errors
/// [`OAuthError::InvalidGrant`], [`OAuthError::UnauthorizedClient`], the fault of the request, or a failure of
/// the store.
pub async fn redeem(
    context: &OAuthContext<'_>,
    client: &AuthenticatedClient,
    code: &AuthorizationCode,
    parameters: Result<Redemption, OAuthError>,
) -> Result<TokenResponse, OAuthError> {
    client.check_grant(GrantType::AuthorizationCode)?;
    let AuthenticatedClient { stored, origin, .. } = client;
    let refreshes = stored.client.grants.contains(&GrantType::RefreshToken);
    let refresh = refreshes.then(|| RefreshToken::generate(context.random)).transpose()?;
    // Access tokens are bound to this key for every client, refresh tokens for public clients (RFC 9449 §5).
    let proved_key = client.proved_key();
    let (Redemption { redirect_uri, code_verifier, resource }, fault) = match parameters {
        Ok(parameters) => (parameters, None),
        Err(fault) => (Redemption::default(), Some(fault)),
    };
    let registered = stored.client.redirect_uris.clone();
    let fits = move |binding: &CodeBinding| {
        let is_registered = || registered.iter().any(|uri| uri.matches(&redirect_uri));
        let fits_verifier = |verifier| fits_challenge(verifier, &binding.code_challenge);
        ((binding.redirect_uri == redirect_uri && is_registered()) || fault!(code_redirect_not_compared))
            && (code_verifier.as_deref().is_some_and(fits_verifier) || fault!(verifier_not_checked))
            && (binding.dpop_jkt.is_none() || binding.dpop_jkt == proved_key)
            && (resource.is_none() || resource == binding.resource)
    };
    let by = CodeRedemption {
        client: stored.client.id.clone(),
        client_epoch: stored.epoch,
        registered: registered_scopes(stored, context.vocabulary),
        dpop_jkt: client.proved_key(),
        one_time: client.one_time(),
        refresh: refresh.as_ref().map(RefreshToken::hash),
        has_fault: fault.is_some(),
        origin: origin.clone(),
    };
    let redeemed = context.store.redeem_code(code.hash(), by, fits).await?;
    let redeemed = redeemed.granted().map_err(|why| {
        log::info!("refused an authorization code of the client {}: {why:?}", stored.client.id);
        fault.filter(|_| why == CodeRefused::Fault).unwrap_or(OAuthError::InvalidGrant)
    })?;
    let with_userinfo = stored.client.userinfo_in_id_token;
    let response =
        TokenResponse::in_session(context, with_userinfo, &redeemed.token_session, redeemed.nonce.as_deref())
            .await?;
    Ok(match &refresh {
        Some(token) => response.with_refresh_token(token),
        None => response,
    })
}

/// True when the verifier matches the challenge by S256 (RFC 7636 §4.6). A verifier has 43 to 128
/// characters of its alphabet (§4.1).
fn fits_challenge(verifier: &str, challenge: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
        return false;
    }
    let hashed = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    hashed.as_bytes().ct_eq(challenge.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_verifier_of_rfc_7636_appendix_b_alone() {
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(fits_challenge(verifier, challenge));
        assert!(!fits_challenge(&verifier.replace('d', "e"), challenge));
        assert!(!fits_challenge(challenge, challenge));
        assert!(!fits_challenge(verifier, verifier));
        assert!(!fits_challenge("", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"));
        assert!(!fits_challenge(&format!("{verifier}{verifier}{verifier}"), challenge));
    }
}
