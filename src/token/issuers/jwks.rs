//! An issuer's JWK Set (RFC 7517 §5), of which only what can safely verify is kept.

use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::super::verification_key::VerificationKey;
use super::TrustedIssuer;
use super::fetch::FetchError;

/// More keys than any issuer has.
const MOST_KEYS: usize = 100;

/// The keys of the set that may verify this issuer's tokens. One that is unfit is left out and said
/// in the log: an issuer publishes keys for other purposes too.
pub(super) fn read(set: &Value, issuer: &TrustedIssuer) -> Result<Vec<VerificationKey>, FetchError> {
    let keys = set.get("keys").and_then(Value::as_array).ok_or(FetchError::NotASet)?;
    if keys.len() > MOST_KEYS {
        return Err(FetchError::TooManyKeys);
    }
    let mut taken = Vec::new();
    for (index, jwk) in keys.iter().enumerate() {
        match VerificationKey::from_jwk(&with_algorithm(jwk, &issuer.algorithms)) {
            Ok(key) if issuer.algorithms.contains(&key.algorithm) => taken.push(key),
            Ok(_) => left_out(issuer, index, "is for an algorithm that is not trusted"),
            Err(unfit) => left_out(issuer, index, &unfit.to_string()),
        }
    }
    Ok(taken)
}

/// An RSA key that names no algorithm verifies the first that the issuer is trusted with: which one
/// its issuer means, only the configuration can say.
fn with_algorithm(jwk: &Value, algorithms: &[Algorithm]) -> Value {
    let mut jwk = jwk.clone();
    let rsa = jwk.get("kty").and_then(Value::as_str) == Some("RSA") && jwk.get("alg").is_none();
    let first = algorithms.iter().find(|algorithm| is_rsa(**algorithm));
    if let (true, Some(first), Some(object)) = (rsa, first, jwk.as_object_mut()) {
        object.insert("alg".to_owned(), Value::from(format!("{first:?}")));
    }
    jwk
}

fn is_rsa(algorithm: Algorithm) -> bool {
    use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
    matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512)
}

fn left_out(issuer: &TrustedIssuer, index: usize, why: &str) {
    log::debug!("{}: key {} of its set is not used: it {why}", issuer.issuer, index + 1);
}
