//! Verification keys, our own and those of external issuers, and their validation.

use crate::domain::sha256;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

/// Shortest HMAC secret, in bytes. A MAC key must be at least as long as the hash (RFC 7518 §3.2).
const MIN_SECRET: usize = 32;

/// Members that only a private or symmetric key has (RFC 7518 §6).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A key that verifies signatures of one algorithm.
pub struct VerificationKey {
    pub(in crate::token) kid: Option<String>,
    pub(in crate::token) algorithm: Algorithm,
    pub(in crate::token) key: DecodingKey,
    /// Hash of the algorithm and the key material. It identifies the key, as a `kid` can be reused.
    pub(in crate::token) fingerprint: [u8; 32],
}

/// Why a key of a JWK Set is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitKey {
    /// It is not a JWK: not an object, or with a member of the wrong type.
    #[error("is not a JWK")]
    Malformed,
    /// A published symmetric key is no secret.
    #[error("is symmetric")]
    Symmetric,
    /// A published private key is no secret.
    #[error("is private")]
    Private,
    /// `kty` or `crv` is not supported.
    #[error("has a key type or curve that is not supported")]
    Kind,
    /// `use` is not `sig`, or `key_ops` is without `verify`.
    #[error("is not for verification by its use or key_ops")]
    Purpose,
    /// `alg` does not fit `kty`, or is not supported.
    #[error("has an algorithm that is not supported")]
    Algorithm,
    /// RSA under 2048 or over 8192 bits.
    #[error("has a modulus under 2048 or over 8192 bits")]
    Size,
    /// A number is not canonical base64url, or the numbers are not a valid key.
    #[error("is not a valid key")]
    Value,
}

/// The secret is shorter than 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an HMAC secret must have at least 32 bytes")]
pub struct ShortSecret;

impl VerificationKey {
    /// Parses a public key (RFC 7517 §4) and checks that it may verify signatures: `use`, `key_ops`, `alg`,
    /// curve and size. An RSA key without `alg` verifies RS256, the default of OpenID Connect.
    ///
    /// # Errors
    /// The reason for which the key is refused.
    pub fn from_jwk(jwk: &Value) -> Result<Self, UnfitKey> {
        let jwk = jwk.as_object().ok_or(UnfitKey::Malformed)?;
        let kind = text(jwk, "kty")?.ok_or(UnfitKey::Malformed)?;
        if kind == "oct" {
            return Err(UnfitKey::Symmetric);
        }
        if PRIVATE_MEMBERS.iter().any(|member| jwk.contains_key(*member)) {
            return Err(UnfitKey::Private);
        }
        check_purpose(jwk)?;
        let (algorithm, key, bytes) = match kind {
            "EC" => p256(jwk)?,
            "OKP" => ed25519(jwk)?,
            "RSA" => rsa(jwk)?,
            _ => return Err(UnfitKey::Kind),
        };
        let kid = text(jwk, "kid")?.map(str::to_owned);
        Ok(Self { kid, algorithm, key, fingerprint: fingerprint(algorithm, &bytes) })
    }

    /// Creates the key for HS256 tokens.
    ///
    /// # Errors
    /// When the secret has fewer than 32 bytes.
    pub(in crate::token) fn hs256(kid: &str, secret: &[u8]) -> Result<Self, ShortSecret> {
        if secret.len() < MIN_SECRET {
            return Err(ShortSecret);
        }
        Ok(Self {
            kid: Some(kid.to_owned()),
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(secret),
            fingerprint: fingerprint(Algorithm::HS256, secret),
        })
    }
}

type Parts = (Algorithm, DecodingKey, Vec<u8>);

fn p256(jwk: &Map<String, Value>) -> Result<Parts, UnfitKey> {
    let algorithm = algorithm(jwk, &[Algorithm::ES256])?;
    curve(jwk, "P-256")?;
    let (x, y) = (number(jwk, "x")?, number(jwk, "y")?);
    if x.len() != 32 || y.len() != 32 {
        return Err(UnfitKey::Value);
    }
    // SEC 1 §2.3.3: an uncompressed point.
    let point = [&[4], x.as_slice(), &y].concat();
    check_key(&ECDSA_P256_SHA256_FIXED, &point)?;
    Ok((algorithm, DecodingKey::from_ec_der(&point), point))
}

fn ed25519(jwk: &Map<String, Value>) -> Result<Parts, UnfitKey> {
    let algorithm = algorithm(jwk, &[Algorithm::EdDSA])?;
    curve(jwk, "Ed25519")?;
    let x = number(jwk, "x")?;
    check_key(&ED25519, &x)?;
    Ok((algorithm, DecodingKey::from_ed_der(&x), x))
}

fn rsa(jwk: &Map<String, Value>) -> Result<Parts, UnfitKey> {
    use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
    let algorithm = algorithm(jwk, &[RS256, RS384, RS512, PS256, PS384, PS512])?;
    let (n, e) = (number(jwk, "n")?, number(jwk, "e")?);
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(UnfitKey::Size);
    }
    // With an exponent of 1, every message would be its own signature. A long exponent costs time.
    let odd = e.last().is_some_and(|last| last % 2 == 1);
    if !odd || e == [1] || e.len() > 4 {
        return Err(UnfitKey::Value);
    }
    RsaPublicKeyComponents { n: n.as_slice(), e: e.as_slice() }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        .map_err(|_| UnfitKey::Value)?;
    let key = DecodingKey::from_rsa_raw_components(&n, &e);
    Ok((algorithm, key, [n, e].concat()))
}

fn check_purpose(jwk: &Map<String, Value>) -> Result<(), UnfitKey> {
    if text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(UnfitKey::Purpose);
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|name| name == "verify") => Ok(()),
        Some(_) => Err(UnfitKey::Purpose),
    }
}

/// Returns the algorithm of the key; without `alg`, the first that its type supports.
fn algorithm(jwk: &Map<String, Value>, supported: &[Algorithm]) -> Result<Algorithm, UnfitKey> {
    let named = match text(jwk, "alg")? {
        Some(name) => name.parse().ok(),
        None => supported.first().copied(),
    };
    named.filter(|algorithm| supported.contains(algorithm)).ok_or(UnfitKey::Algorithm)
}

fn curve(jwk: &Map<String, Value>, supported: &str) -> Result<(), UnfitKey> {
    if text(jwk, "crv")? == Some(supported) { Ok(()) } else { Err(UnfitKey::Kind) }
}

fn check_key(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> Result<(), UnfitKey> {
    UnparsedPublicKey::new(algorithm, key).parse().map(drop).map_err(|_| UnfitKey::Value)
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, UnfitKey> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(UnfitKey::Malformed),
    }
}

fn number(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, UnfitKey> {
    let text = text(jwk, name)?.ok_or(UnfitKey::Malformed)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| UnfitKey::Value)
}

fn fingerprint(algorithm: Algorithm, key: &[u8]) -> [u8; 32] {
    sha256(&[format!("{algorithm:?} ").as_bytes(), key].concat())
}
