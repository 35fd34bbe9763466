//! Compact serialisation of a JWS (RFC 7515 §3.1, §7.1): parsing, and verifying the signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::{InvalidToken, VerificationKey};
use crate::json::{JsonError, parse_strict};

/// Longest token, in bytes. A longer one is not parsed.
const MAX_BYTES: usize = 8 * 1024;

/// JOSE header (RFC 7515 §4). `jwk`, `jku`, `x5u` and `x5c` are not read: a token must not bring its own
/// key.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
}

/// A parsed token. Nothing in it is verified yet.
pub(super) struct Jws<'t> {
    pub(super) header: Header,
    encoded_header: &'t str,
    signed: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> Jws<'t> {
    pub(super) fn parse(token: &'t str) -> Result<Self, InvalidToken> {
        check_size(token)?;
        let mut parts = token.splitn(4, '.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidToken::NotThreeParts);
        };
        let (signed, _) = token.rsplit_once('.').ok_or(InvalidToken::NotThreeParts)?;
        Ok(Self { header: Header::parse(header)?, encoded_header: header, signed, payload, signature })
    }

    /// Returns `iss`, not verified. It selects the keys to verify the token with.
    pub(super) fn issuer(&self) -> Option<String> {
        let claims = parse_object(&decode(self.payload).ok()?).ok()?;
        claims.get("iss").and_then(Value::as_str).map(str::to_owned)
    }

    /// Returns the `jwk` header of a proof of possession. Access tokens are never verified with it.
    pub(super) fn jwk(&self) -> Option<Value> {
        parse_object(&decode(self.encoded_header).ok()?).ok()?.remove("jwk")
    }

    /// Returns the payload when the signature is valid for `key`.
    pub(super) fn verify(&self, key: &VerificationKey) -> Result<Vec<u8>, InvalidToken> {
        if (fault!(unsigned_accepted) && self.signature.is_empty())
            || (fault!(embedded_key_trusted) && self.jwk().is_some())
            || (fault!(algorithm_not_compared) && self.header.algorithm != key.algorithm)
        {
            return decode(self.payload);
        }
        if self.header.algorithm != key.algorithm {
            return Err(InvalidToken::WrongAlgorithm);
        }
        let message = self.signed.as_bytes();
        match jsonwebtoken::crypto::verify(self.signature, message, &key.key, key.algorithm) {
            Ok(true) => decode(self.payload),
            _ if fault!(signature_not_checked) => decode(self.payload),
            _ => Err(InvalidToken::WrongSignature),
        }
    }
}

impl Header {
    fn parse(part: &str) -> Result<Self, InvalidToken> {
        let header = parse_object(&decode(part)?)?;
        // No critical header is supported (RFC 7515 §4.1.11).
        if header.contains_key("crit") && !fault!(crit_not_checked) {
            return Err(InvalidToken::CriticalHeader);
        }
        let name = header.get("alg").and_then(Value::as_str);
        let unsigned = || fault!(unsigned_accepted).then_some(Algorithm::ES256);
        let algorithm = name.and_then(|name| name.parse().ok()).or_else(unsigned);
        Ok(Self {
            algorithm: algorithm.ok_or(InvalidToken::UnknownAlgorithm)?,
            kid: optional_text(&header, "kid", InvalidToken::MalformedHeader)?,
            typ: optional_text(&header, "typ", InvalidToken::MalformedHeader)?,
        })
    }
}

/// Checks the length of a token. It comes before every other step.
pub(super) fn check_size(token: &str) -> Result<(), InvalidToken> {
    if token.len() > MAX_BYTES && !fault!(size_not_bounded) { Err(InvalidToken::TooLong) } else { Ok(()) }
}

pub(super) fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, InvalidToken> {
    match parse_strict(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Err(JsonError::DuplicateMember(_)) => Err(InvalidToken::DuplicateMember),
        _ => Err(InvalidToken::NotAnObject),
    }
}

pub(super) fn optional_text(
    object: &Map<String, Value>,
    name: &str,
    error: InvalidToken,
) -> Result<Option<String>, InvalidToken> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(error),
    }
}

/// Decodes canonical base64url: no padding, no white space, no leftover bits (RFC 7515 §2).
fn decode(part: &str) -> Result<Vec<u8>, InvalidToken> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidToken::NotBase64Url)
}
