//! ID tokens (OpenID Connect Core §2): tell the client which user signed in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::issue::sign;
use crate::domain::{SessionId, UserId};
use crate::token::jws::{Jws, parse_object};
use crate::token::{AccessToken, IssueError, Issuer, SigningAlgorithm};

/// `typ` header that distinguishes an ID token from an access token (RFC 8725 §3.11).
const TYPE: &str = "JWT";

/// Claims of an ID token to issue.
pub struct IdTokenRequest<'a> {
    /// `sub`.
    pub user: UserId,
    /// `aud`: the client.
    pub client_id: &'a str,
    /// Time of the user's login.
    pub auth_time: DateTime<Utc>,
    /// `nonce` of the authorization request.
    pub nonce: Option<&'a str>,
    /// Session in which it is issued.
    pub session: SessionId,
    /// Access token that is issued with it. `at_hash` binds the two together (§3.1.3.6).
    pub access_token: &'a AccessToken,
    /// Claims about the user that the scopes allow (§5.4).
    pub userinfo: &'a Map<String, Value>,
}

/// An ID token. It has no `Debug`, since it tells which user signed in at which client.
pub struct IdToken(SecretString);

impl IdToken {
    /// Returns the token, for the response to its client.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Content of an `id_token_hint`. The token may have expired (OpenID Connect RP-Initiated Logout §2), so it
/// proves only that the user signed in at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdTokenHint {
    /// The user who signed in.
    pub user: UserId,
    /// The client at which the user signed in.
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
    #[serde(flatten)]
    userinfo: &'a Map<String, Value>,
}

impl Issuer {
    /// True when clients can verify the signature. False for HS256, whose key is a shared secret.
    pub fn signs_id_tokens(&self) -> bool {
        self.algorithm().is_some_and(|algorithm| algorithm != SigningAlgorithm::Hs256)
    }

    /// Issues an ID token with the lifetime of an access token.
    ///
    /// # Errors
    /// When `exp` is out of range, or signing fails.
    pub(crate) fn issue_id_token(&self, request: &IdTokenRequest<'_>) -> Result<IdToken, IssueError> {
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
            userinfo: request.userinfo,
        };
        sign(TYPE, &claims, key).map(SecretString::from).map(IdToken)
    }

    /// Reads an ID token of this server, expired or not. The key that signed it may have been rotated away. None when
    /// it is not one, or when its key was deleted or taken out of service.
    pub fn read_id_token_hint(&self, token: &str) -> Option<IdTokenHint> {
        let jws = Jws::parse(token).ok()?;
        if jws.header.typ.as_deref() != Some(TYPE) {
            return None;
        }
        let ring = self.keys().ok()?.current();
        let key = ring.hints.find(jws.header.kid.as_deref(), jws.header.algorithm).ok()?;
        let claims: Map<String, Value> = parse_object(&jws.verify(key).ok()?).ok()?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(&self.issuer) {
            return None;
        }
        let (user, client_id) = (text("sub")?.parse().ok()?, text("aud")?.to_owned());
        Some(IdTokenHint { user, client_id })
    }
}

/// Returns the left half of the hash that belongs to the signature's algorithm: SHA-512 for Ed25519,
/// SHA-256 for all other signing algorithms.
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
    fn at_hash_matches_the_example_of_openid_connect_core() {
        // Appendix A.3, with RS256.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(left_half_of_hash(token, Algorithm::RS256), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(left_half_of_hash(token, Algorithm::EdDSA).len(), 43);
    }
}
