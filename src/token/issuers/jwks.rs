//! Reads an issuer's JWK Set (RFC 7517 §5). Keys that cannot verify safely are left out.

use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::fetch::FetchError;
use crate::token::{TrustedIssuer, VerificationKey};

/// Most keys in one set.
const MAX_KEYS: usize = 100;

/// Returns the keys of the set that may verify this issuer's tokens. Other keys are left out, with a line in
/// the log: an issuer may publish keys for other purposes too.
pub(super) fn read(set: &Value, issuer: &TrustedIssuer) -> Result<Vec<VerificationKey>, FetchError> {
    let keys = set.get("keys").and_then(Value::as_array).ok_or(FetchError::NotASet)?;
    if keys.len() > MAX_KEYS {
        return Err(FetchError::TooManyKeys);
    }
    let mut accepted = Vec::new();
    for (index, jwk) in keys.iter().enumerate() {
        match VerificationKey::from_jwk(&with_algorithm(jwk, &issuer.algorithms)) {
            Ok(key) if issuer.algorithms.contains(&key.algorithm) => accepted.push(key),
            Ok(_) => left_out(issuer, index, "is for an algorithm that is not trusted"),
            Err(unfit) => left_out(issuer, index, &unfit.to_string()),
        }
    }
    Ok(accepted)
}

/// Adds the issuer's first trusted RSA algorithm to an RSA key without `alg`: only the configuration can say
/// which one it is for.
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
    log::debug!("{}: key {} of the JWK Set is not used: it {why}", issuer.issuer, index + 1);
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::token::keys::algorithm::SigningAlgorithm;
    use crate::token::keys::private_key::PrivateKey;

    fn jwk(algorithm: SigningAlgorithm) -> Value {
        PrivateKey::generate(algorithm).unwrap().public_key().unwrap().jwk
    }

    /// Returns the key with members replaced; null removes a member.
    fn with(jwk: &Value, changes: Value) -> Value {
        let mut jwk = jwk.as_object().unwrap().clone();
        jwk.extend(changes.as_object().unwrap().clone());
        jwk.retain(|_, value| !value.is_null());
        jwk.into()
    }

    /// Returns `kid` and algorithm of the accepted keys.
    fn accepted(keys: &[Value], algorithms: &[Algorithm]) -> Vec<(String, Algorithm)> {
        let mut issuer = TrustedIssuer::of_tests("https://id.example.org");
        issuer.algorithms = algorithms.to_vec();
        let keys = read(&json!({ "keys": keys }), &issuer).unwrap();
        keys.into_iter().map(|key| (key.kid.unwrap_or_default(), key.algorithm)).collect()
    }

    #[test]
    fn leaves_out_keys_that_cannot_verify_safely() {
        use Algorithm::{ES256, EdDSA, PS256, RS256};
        let (ec, rsa) = (jwk(SigningAlgorithm::Es256), jwk(SigningAlgorithm::Rs256));
        let odd = |bytes| URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
        let keys = [
            json!({ "kty": "oct", "kid": "symmetric", "alg": "HS256", "k": odd(32) }),
            with(&rsa, json!({ "kid": "short", "n": odd(128) })),
            with(&rsa, json!({ "kid": "almost", "n": odd(255) })),
            with(&rsa, json!({ "kid": "exponent of one", "e": "AQ" })),
            with(&rsa, json!({ "kid": "mac", "alg": "HS256" })),
            with(&rsa, json!({ "kid": "none", "alg": "none" })),
            with(&ec, json!({ "kid": "private", "d": odd(32) })),
            with(&ec, json!({ "kid": "encrypts", "use": "enc" })),
            with(&ec, json!({ "kid": "signs", "key_ops": ["sign"] })),
            with(&ec, json!({ "kid": "curve", "crv": "P-384" })),
            with(&ec, json!({ "kid": "off the curve", "y": ec["x"] })),
            with(&ec, json!({ "kid": 7 })),
            json!("no key"),
            with(&rsa, json!({ "kid": "rsa" })),
            with(&ec, json!({ "kid": "ec" })),
        ];
        let named = |kid: &str, algorithm| (kid.to_owned(), algorithm);
        assert_eq!(accepted(&keys, &[ES256, RS256]), [named("rsa", RS256), named("ec", ES256)]);
        assert_eq!(accepted(&keys, &[ES256]), [named("ec", ES256)]);
        assert_eq!(accepted(&keys, &[PS256, EdDSA]), []);
    }

    #[test]
    fn rsa_key_without_alg_gets_the_first_trusted_algorithm() {
        use Algorithm::{ES256, PS256, RS256, RS512};
        let silent = [with(&jwk(SigningAlgorithm::Rs256), json!({ "kid": "k", "alg": null }))];
        for (algorithms, algorithm) in
            [(&[RS256, PS256], RS256), (&[ES256, PS256], PS256), (&[RS512, RS256], RS512)]
        {
            assert_eq!(accepted(&silent, algorithms), [("k".to_owned(), algorithm)]);
        }
        assert_eq!(accepted(&silent, &[ES256]), []);
    }

    #[test]
    fn refuses_a_malformed_or_oversized_set() {
        let issuer = TrustedIssuer::of_tests("https://id.example.org");
        for wrong in [json!([]), json!({}), json!({ "keys": {} }), json!({ "keys": vec![1; MAX_KEYS + 1] })] {
            assert!(read(&wrong, &issuer).is_err(), "{wrong}");
        }
        assert!(read(&json!({ "keys": vec![1; MAX_KEYS] }), &issuer).is_ok_and(|keys| keys.is_empty()));
    }
}
