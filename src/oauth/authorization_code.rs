//! The authorization code grant (RFC 6749 §4.1.3) with proof of possession of the request's verifier
//! (RFC 7636): S256 alone, and never left out.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use super::client_authentication::AuthenticatedClient;
use super::token_answer::TokenAnswer;
use super::{Means, OAuthError, registered};
use crate::domain::{AuthorizationCode, GrantType, RefreshToken};
use crate::store::{CodeBinding, RedeemedBy};

/// What is sent to redeem a code.
pub struct Redemption {
    /// The code.
    pub code: AuthorizationCode,
    /// Where the user was sent back to, as the authorization request had it.
    pub redirect_uri: String,
    /// Of which the request had the hash (RFC 7636 §4.5).
    pub code_verifier: Option<String>,
    /// Where the tokens are to be taken (RFC 8707 §2.2), if that is said again.
    pub resource: Option<String>,
}

/// Redeems a code, once. A second redemption ends what the first one was answered with.
///
/// # Errors
/// [`OAuthError::InvalidGrant`], [`OAuthError::UnauthorizedClient`], or a failure.
pub async fn redeem(
    with: &Means<'_>,
    client: &AuthenticatedClient,
    redemption: Redemption,
) -> Result<TokenAnswer, OAuthError> {
    let AuthenticatedClient { stored, dpop_jkt, origin } = client;
    let may = |grant| stored.client.grants.contains(&grant);
    if !may(GrantType::AuthorizationCode) {
        return Err(OAuthError::UnauthorizedClient);
    }
    let refresh = may(GrantType::RefreshToken).then(|| RefreshToken::generate(with.random)).transpose()?;
    // A public client's refresh token is bound to the key that it showed (RFC 9449 §5); the tokens
    // of every client are.
    let shown = dpop_jkt.clone();
    let Redemption { code, redirect_uri, code_verifier, resource } = redemption;
    let fits = move |binding: &CodeBinding| {
        binding.redirect_uri == redirect_uri
            && code_verifier
                .as_deref()
                .is_some_and(|verifier| fits_challenge(verifier, &binding.code_challenge))
            && (binding.dpop_jkt.is_none() || binding.dpop_jkt == shown)
            && (resource.is_none() || resource == binding.resource)
    };
    let by = RedeemedBy {
        client: stored.client.id.clone(),
        registered: registered(stored, with.vocabulary),
        dpop_jkt: dpop_jkt.clone(),
        refresh: refresh.as_ref().map(RefreshToken::hash),
        origin: origin.clone(),
    };
    let redeemed = with.store.redeem_code(code.hash(), by, fits).await?;
    let redeemed = redeemed.map_err(|why| {
        log::info!("a code was refused to the client {}: {why:?}", stored.client.id);
        OAuthError::InvalidGrant
    })?;
    let answer = TokenAnswer::in_session(with.issuer, &redeemed.entitled, redeemed.nonce.as_deref())?;
    Ok(match &refresh {
        Some(token) => answer.with_refresh_token(token),
        None => answer,
    })
}

/// Whether the challenge is the verifier's, by S256 (RFC 7636 §4.6). A verifier has 43 to 128
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
    fn the_challenge_of_rfc_7636_appendix_b_fits_its_verifier_and_no_other() {
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
