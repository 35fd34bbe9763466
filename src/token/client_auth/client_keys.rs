//! Public keys that a client registers for authentication (RFC 7591 §2 `jwks`).

use std::collections::BTreeSet;
use std::sync::Arc;

use jsonwebtoken::Algorithm;
use serde_json::Value;

use crate::domain::Invalid;
use crate::token::VerificationKey;
use crate::token::keys::verification_keys::VerificationKeys;

/// Algorithms of client assertions.
pub const ASSERTION_ALGORITHMS: [&str; 8] =
    ["ES256", "EdDSA", "RS256", "PS256", "RS384", "RS512", "PS384", "PS512"];

/// Most keys of one client.
const MAX_KEYS: usize = 16;

/// A client's public keys.
pub struct ClientKeys(VerificationKeys);

impl ClientKeys {
    /// Validates a JWK Set (RFC 7517 §5) of 1 to 16 public keys that can verify signatures. Returns its keys
    /// in JSON, for storage.
    ///
    /// # Errors
    /// When the set is malformed, or a key cannot be used. The error names each such key.
    pub fn register(set: &Value) -> Result<String, Invalid> {
        let keys = set.get("keys").and_then(Value::as_array);
        let keys =
            keys.ok_or_else(|| Invalid::new("not-a-jwk-set", "must be an object with an array of keys"))?;
        if !(1..=MAX_KEYS).contains(&keys.len()) {
            let rule = Invalid::new("number-of-keys", format!("must have 1 to {MAX_KEYS} keys"));
            return Err(rule.with("min", 1).with("max", MAX_KEYS));
        }
        let (mut unfit, mut known) = (Vec::new(), BTreeSet::new());
        for (place, jwk) in keys.iter().enumerate() {
            match VerificationKey::from_jwk(jwk) {
                Err(why) => unfit.push(format!("the key at {place} {why}")),
                Ok(key) if key.kid.is_some() && !known.insert(key.kid.clone()) => {
                    unfit.push(format!("the key at {place} has the kid of another"));
                }
                Ok(_) => {}
            }
        }
        match unfit.is_empty() {
            true => Ok(serde_json::json!({ "keys": keys }).to_string()),
            false => Err(Invalid::new("unfit-key", unfit.join("; "))),
        }
    }

    /// Reads stored keys.
    pub fn from_stored(set: &str) -> Self {
        let set: Value = serde_json::from_str(set).unwrap_or_default();
        let keys = set.get("keys").and_then(Value::as_array).into_iter().flatten();
        let keys = keys.filter_map(|jwk| VerificationKey::from_jwk(jwk).ok().map(Arc::new));
        Self(VerificationKeys::of(keys.collect()))
    }

    /// Returns the key with this `kid`, or without a `kid` the only key for the algorithm.
    pub(in crate::token) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&VerificationKey> {
        self.0.find(kid, algorithm).ok().map(Arc::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ed25519(kid: &str) -> Value {
        // RFC 8037 appendix A.2.
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
    }

    #[test]
    fn keeps_keys_that_can_verify() {
        let set = json!({ "keys": [ed25519("a"), ed25519("b")], "comment": "ours" });
        let kept: Value = serde_json::from_str(&ClientKeys::register(&set).unwrap()).unwrap();
        assert_eq!(kept, json!({ "keys": set["keys"] }));
    }

    #[test]
    fn refuses_unusable_and_private_keys() {
        let with = |name: &str, value: Value| {
            let mut key = ed25519("a");
            key[name] = value;
            key
        };
        for (set, code) in [
            (json!([]), "not-a-jwk-set"),
            (json!({ "keys": {} }), "not-a-jwk-set"),
            (json!({ "keys": [] }), "number-of-keys"),
            (json!({ "keys": vec![ed25519("a"); 17] }), "number-of-keys"),
            (json!({ "keys": [ed25519("a"), ed25519("a")] }), "unfit-key"),
            (json!({ "keys": [with("d", json!("AA"))] }), "unfit-key"),
            (json!({ "keys": [with("use", json!("enc"))] }), "unfit-key"),
            (json!({ "keys": [with("x", json!("AA"))] }), "unfit-key"),
            (json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }), "unfit-key"),
            (json!({ "keys": [7] }), "unfit-key"),
        ] {
            assert_eq!(ClientKeys::register(&set).unwrap_err().code, code, "{set}");
        }
        let both = json!({ "keys": [{ "kty": "oct", "k": "AAAA" }, with("d", json!("AA"))] });
        assert_eq!(
            ClientKeys::register(&both).unwrap_err().detail,
            "the key at 0 is symmetric; the key at 1 is private"
        );
    }
}
