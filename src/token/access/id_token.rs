//! ID tokens (OpenID Connect Core §2): who signed in, said to the client alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::issue::{AccessToken, IssueError, Issuer, sign};
use crate::domain::{SessionId, UserId};
use crate::token::jws::{Jws, parse_object};
use crate::token::keys::algorithm::SigningAlgorithm;

/// The `typ` that keeps it apart from an access token (RFC 8725 §3.11).
const TYPE: &str = "JWT";

/// What an ID token is to say.
pub struct IdTokenRequest<'a> {
    /// `sub`
    pub user: UserId,
    /// `aud`: the client, the only one whom it tells anything.
    pub client_id: &'a str,
    /// When the user proved who they are.
    pub auth_time: DateTime<Utc>,
    /// What the client's request had.
    pub nonce: Option<&'a str>,
    /// The session in which it is issued.
    pub session: SessionId,
    /// The access token that comes along; its hash ties the two together (§3.1.3.6).
    pub access_token: &'a AccessToken,
}

/// An ID token, which is not printed: who has it knows who signed in where.
pub struct IdToken(SecretString);

impl IdToken {
    /// The token, for the client that it is for.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// What an ID token of ours said that somebody shows again as a hint. It may have expired (OpenID
/// Connect RP-Initiated Logout §2), so it proves that a user signed in once, and nothing of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdTokenHint {
    /// Who had signed in.
    pub user: UserId,
    /// At which client.
    pub client_id: String,
}

#[derive(serde::Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    exp: i64,
    iat: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    sid: SessionId,
    at_hash: String,
}

impl Issuer {
    /// Whether a client can check what is signed here: not when the key is a shared secret.
    pub fn signs_id_tokens(&self) -> bool {
        self.algorithm().is_some_and(|algorithm| algorithm != SigningAlgorithm::Hs256)
    }

    /// Issues an ID token, good for as long as an access token is.
    ///
    /// # Errors
    /// When its end lies beyond the calendar or the key does not sign.
    pub fn issue_id_token(&self, request: &IdTokenRequest<'_>) -> Result<IdToken, IssueError> {
        let ring = self.keys()?.current();
        let key = ring.signing_key()?;
        let (iat, expires_at) = self.lifetime()?;
        let claims = Claims {
            iss: &self.issuer,
            sub: request.user.to_string(),
            aud: request.client_id,
            exp: expires_at.timestamp(),
            iat,
            auth_time: request.auth_time.timestamp(),
            nonce: request.nonce,
            sid: request.session,
            at_hash: left_half_of_hash(request.access_token.expose(), key.algorithm),
        };
        sign(TYPE, &claims, key).map(SecretString::from).map(IdToken)
    }

    /// Reads an ID token that this server issued, expired or not. None when it is not one, or when
    /// the key that signed it is gone.
    pub fn read_id_token_hint(&self, token: &str) -> Option<IdTokenHint> {
        let jws = Jws::parse(token).ok()?;
        if jws.header.typ.as_deref() != Some(TYPE) {
            return None;
        }
        let ring = self.keys().ok()?.current();
        let key = ring.verification.find(jws.header.kid.as_deref(), jws.header.algorithm).ok()?;
        let claims: Map<String, Value> = parse_object(&jws.verify(key).ok()?).ok()?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(&self.issuer) {
            return None;
        }
        let (user, client_id) = (text("sub")?.parse().ok()?, text("aud")?.to_owned());
        Some(IdTokenHint { user, client_id })
    }
}

/// The left half of the hash that goes with the signature's algorithm: SHA-512 for Ed25519, SHA-256
/// for all the others that sign here.
fn left_half_of_hash(token: &str, algorithm: Algorithm) -> String {
    let hash = match algorithm {
        Algorithm::EdDSA => &aws_lc_rs::digest::SHA512,
        _ => &aws_lc_rs::digest::SHA256,
    };
    let digest = aws_lc_rs::digest::digest(hash, token.as_bytes());
    let (left, _) = digest.as_ref().split_at(digest.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_an_access_token_is_that_of_the_example_in_openid_connect_core() {
        // Appendix A.3, with RS256.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(left_half_of_hash(token, Algorithm::RS256), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(left_half_of_hash(token, Algorithm::EdDSA).len(), 43);
    }
}
