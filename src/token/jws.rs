//! The compact serialisation of a JWS (RFC 7515 §3.1, §7.1), header and signature.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::invalid::InvalidToken;
use super::keys::verification_key::VerificationKey;
use crate::json::{JsonError, parse_strict};

/// A token longer than this is not looked at.
const MOST_BYTES: usize = 8 * 1024;

/// What the header says (RFC 7515 §4). `jwk`, `jku`, `x5u` and `x5c` are not even read: a token
/// does not bring its own key.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
}

/// A token taken apart, of which nothing is believed yet.
pub(super) struct Jws<'t> {
    pub(super) header: Header,
    head: &'t str,
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
        Ok(Self { header: Header::parse(header)?, head: header, signed, payload, signature })
    }

    /// Whom the token names as its issuer. It is not believed: it says whose keys to try.
    pub(super) fn issuer(&self) -> Option<String> {
        let claims = parse_object(&decode(self.payload).ok()?).ok()?;
        claims.get("iss").and_then(Value::as_str).map(str::to_owned)
    }

    /// The key that a proof of possession brings along. No token is verified by it.
    pub(super) fn jwk(&self) -> Option<Value> {
        parse_object(&decode(self.head).ok()?).ok()?.remove("jwk")
    }

    /// The payload, when the signature is `key`'s.
    pub(super) fn verify(&self, key: &VerificationKey) -> Result<Vec<u8>, InvalidToken> {
        if self.header.algorithm != key.algorithm {
            return Err(InvalidToken::WrongAlgorithm);
        }
        let message = self.signed.as_bytes();
        match jsonwebtoken::crypto::verify(self.signature, message, &key.key, key.algorithm) {
            Ok(true) => decode(self.payload),
            _ => Err(InvalidToken::WrongSignature),
        }
    }
}

impl Header {
    fn parse(part: &str) -> Result<Self, InvalidToken> {
        let header = parse_object(&decode(part)?)?;
        // Nothing is understood that could be critical (RFC 7515 §4.1.11).
        if header.contains_key("crit") {
            return Err(InvalidToken::CriticalHeader);
        }
        let name = header.get("alg").and_then(Value::as_str);
        let algorithm = name.and_then(|name| name.parse().ok());
        Ok(Self {
            algorithm: algorithm.ok_or(InvalidToken::UnknownAlgorithm)?,
            kid: optional_text(&header, "kid", InvalidToken::MalformedHeader)?,
            typ: optional_text(&header, "typ", InvalidToken::MalformedHeader)?,
        })
    }
}

/// Before anything else is done with a token.
pub(super) fn check_size(token: &str) -> Result<(), InvalidToken> {
    if token.len() > MOST_BYTES { Err(InvalidToken::TooLong) } else { Ok(()) }
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
    otherwise: InvalidToken,
) -> Result<Option<String>, InvalidToken> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(otherwise),
    }
}

/// One text has one spelling: no padding, no white space, no bits left over (RFC 7515 §2).
fn decode(part: &str) -> Result<Vec<u8>, InvalidToken> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidToken::NotBase64Url)
}
