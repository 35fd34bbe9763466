//! Test vectors of Project Wycheproof for JSON Web Signatures (`tests/vectors/wycheproof`). Each one passes
//! through header, key look-up and signature, as a token does.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::super::jws::Jws;
use crate::token::keys::verification_keys::VerificationKeys;
use crate::token::{UnfitKey, VerificationKey};

const VECTORS: &str = include_str!("../../../tests/vectors/wycheproof/json_web_signature_test.json");

/// Excluded vectors. 346 and 350: PS384 with a key for PS256. 347 and 351: P-521. The labels of the others
/// are wrong: 367 and 370 are the same token as 357; 372 and 373 contain a `?`.
const LEFT_OUT: [u64; 8] = [346, 347, 350, 351, 367, 370, 372, 373];

/// Returns the key of a group: the public key, or the secret of a MAC.
fn key(group: &Value) -> Result<VerificationKey, UnfitKey> {
    let private = &group["private"];
    if private["kty"] != "oct" {
        return VerificationKey::from_jwk(&group["public"]);
    }
    assert_eq!(VerificationKey::from_jwk(private).err(), Some(UnfitKey::Symmetric));
    assert_eq!(private["alg"], "HS256");
    let secret = URL_SAFE_NO_PAD.decode(private["k"].as_str().unwrap()).unwrap();
    Ok(VerificationKey::hs256(private["kid"].as_str().unwrap(), &secret).unwrap())
}

fn accepts(keys: &VerificationKeys, token: &str) -> bool {
    let jws = Jws::parse(token).ok();
    jws.is_some_and(|jws| {
        let key = keys.find(jws.header.kid.as_deref(), jws.header.algorithm);
        key.is_ok_and(|key| jws.verify(key).is_ok())
    })
}

#[test]
fn every_wycheproof_vector_matches_its_label() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let (mut run, mut valid, mut wrong) = (0, 0, Vec::new());
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = key(group);
        let unfit = key.as_ref().err().copied();
        let keys = VerificationKeys::of(key.into_iter().map(Arc::new).collect());
        for vector in group["tests"].as_array().unwrap() {
            let id = vector["tcId"].as_u64().unwrap();
            if LEFT_OUT.contains(&id) {
                continue;
            }
            let expected = vector["result"] == "valid";
            run += 1;
            valid += u32::from(expected);
            if accepts(&keys, vector["jws"].as_str().unwrap()) != expected {
                wrong.push((id, &vector["comment"]));
            }
            // In these vectors the key itself is refused.
            let about_key = vector["comment"] == "rejectWrongUse" || vector["comment"] == "rejectWrongKeyOps";
            assert_eq!(unfit, about_key.then_some(UnfitKey::Purpose), "{id}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!((run, valid), (393, 40));
}
