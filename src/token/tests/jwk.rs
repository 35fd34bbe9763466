//! Keys of a JWK Set: which are accepted and which are refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::token::keys::private_key::PrivateKey;
use crate::token::{SigningAlgorithm, UnfitKey, VerificationKey};

fn jwk(algorithm: SigningAlgorithm) -> Value {
    PrivateKey::generate(algorithm).unwrap().public_key().unwrap().jwk
}

fn unfit(jwk: &Value, member: &str, value: Value) -> Option<UnfitKey> {
    let mut changed = jwk.clone();
    changed[member] = value;
    VerificationKey::from_jwk(&changed).err()
}

#[test]
fn accepts_keys_for_verification_alone() {
    let good = jwk(SigningAlgorithm::Es256);
    assert_eq!(unfit(&good, "use", json!("sig")), None);
    assert_eq!(unfit(&good, "use", json!("enc")), Some(UnfitKey::Purpose));
    assert_eq!(unfit(&good, "use", json!(["sig"])), Some(UnfitKey::Malformed));
    assert_eq!(unfit(&good, "key_ops", json!(["verify"])), None);
    for operations in [json!([]), json!(["sign"]), json!("verify"), json!(null)] {
        assert_eq!(unfit(&good, "key_ops", operations), Some(UnfitKey::Purpose));
    }
}

#[test]
fn alg_must_fit_the_key_type() {
    let (ec, rsa) = (jwk(SigningAlgorithm::Es256), jwk(SigningAlgorithm::Rs256));
    for name in ["PS256", "RS512"] {
        assert_eq!(unfit(&rsa, "alg", json!(name)), None, "{name}");
    }
    for name in ["none", "HS256", "RS256", "ES384", "es256", ""] {
        assert_eq!(unfit(&ec, "alg", json!(name)), Some(UnfitKey::Algorithm), "{name}");
    }
    assert_eq!(unfit(&rsa, "alg", json!("HS256")), Some(UnfitKey::Algorithm));
    let mut silent = rsa;
    silent.as_object_mut().unwrap().remove("alg");
    assert_eq!(VerificationKey::from_jwk(&silent).ok().unwrap().algorithm, Algorithm::RS256);
}

#[test]
fn refuses_another_curve_or_an_invalid_point() {
    let (ec, ed) = (jwk(SigningAlgorithm::Es256), jwk(SigningAlgorithm::EdDsa));
    assert_eq!(unfit(&ec, "crv", json!("P-384")), Some(UnfitKey::Kind));
    assert_eq!(unfit(&ec, "crv", json!("secp256k1")), Some(UnfitKey::Kind));
    assert_eq!(unfit(&ec, "y", ec["x"].clone()), Some(UnfitKey::Value));
    assert_eq!(unfit(&ec, "x", json!("AAAA")), Some(UnfitKey::Value));
    assert_eq!(unfit(&ed, "crv", json!("X25519")), Some(UnfitKey::Kind));
    assert_eq!(unfit(&ed, "x", json!("AAAA")), Some(UnfitKey::Value));
    assert_eq!(unfit(&ed, "x", json!(format!("{}=", ed["x"].as_str().unwrap()))), Some(UnfitKey::Value));
}

#[test]
fn refuses_rsa_keys_of_bad_size_or_exponent() {
    let good = jwk(SigningAlgorithm::Rs256);
    let modulus = |bytes: usize, first: u8| {
        let mut n = vec![0xff; bytes];
        n[0] = first;
        json!(URL_SAFE_NO_PAD.encode(n))
    };
    for (bytes, first) in [(0x80, 0xff), (0x100, 0x7f), (0x401, 0x01)] {
        assert_eq!(unfit(&good, "n", modulus(bytes, first)), Some(UnfitKey::Size));
    }
    assert_eq!(unfit(&good, "n", modulus(0x100, 0x80)), None);
    for exponent in ["", "AQ", "Ag", "AQABAAE", "AAE"] {
        assert_eq!(unfit(&good, "e", json!(exponent)), Some(UnfitKey::Value), "{exponent}");
    }
}

#[test]
fn refuses_symmetric_and_private_keys() {
    let secret = URL_SAFE_NO_PAD.encode([7; 32]);
    let symmetric = json!({ "kty": "oct", "alg": "HS256", "k": secret });
    assert_eq!(VerificationKey::from_jwk(&symmetric).err(), Some(UnfitKey::Symmetric));
    assert_eq!(unfit(&jwk(SigningAlgorithm::Es256), "d", json!(secret)), Some(UnfitKey::Private));
    assert_eq!(unfit(&jwk(SigningAlgorithm::Rs256), "k", json!(secret)), Some(UnfitKey::Private));
}

#[test]
fn refuses_malformed_jwks() {
    for wrong in [json!(null), json!([]), json!({}), json!({ "kty": 1 }), json!({ "kty": "EC" })] {
        assert!(VerificationKey::from_jwk(&wrong).is_err(), "{wrong}");
    }
    assert_eq!(unfit(&jwk(SigningAlgorithm::Es256), "kty", json!("DSA")), Some(UnfitKey::Kind));
    assert_eq!(unfit(&jwk(SigningAlgorithm::Es256), "kid", json!(1)), Some(UnfitKey::Malformed));
}

#[test]
fn refuses_an_empty_or_short_secret() {
    assert!(VerificationKey::hs256("hs256", &[7; 32]).is_ok());
    for length in [0, 1, 31] {
        assert!(VerificationKey::hs256("hs256", &vec![7; length]).is_err(), "{length}");
    }
}
