//! Refused forms, headers, keys and signatures, each beside an accepted twin.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::super::InvalidToken::{self, *};
use super::{STORED, World, claims, header, sign, sign_with, token, with};
use crate::domain::StoredKey;
use crate::token::SigningAlgorithm;
use crate::token::keys::algorithm::SigningAlgorithm::{Es256, Hs256};

fn by_header(header: &Value) -> Option<InvalidToken> {
    let token = sign(Hs256, &header.to_string(), &claims().to_string());
    World::new().verifier.verify(&token).err()
}

fn refused(token: &str) -> Option<InvalidToken> {
    World::new().verifier.verify(token).err()
}

#[test]
fn typ_must_be_that_of_an_access_token() {
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT", "Application/At+Jwt"] {
        assert_eq!(by_header(&with(&header(Hs256), "typ", Some(typ.into()))), None, "{typ}");
    }
    for typ in ["", "JWT", "at+jwt ", "jwt", "rt+jwt", "application/jwt", "at+jwt;x=1"] {
        assert_eq!(by_header(&with(&header(Hs256), "typ", Some(typ.into()))), Some(WrongType), "{typ}");
    }
    assert_eq!(by_header(&with(&header(Hs256), "typ", None)), Some(WrongType));
    assert_eq!(by_header(&with(&header(Hs256), "typ", Some(json!(["at+jwt"])))), Some(MalformedHeader));
}

#[test]
fn refuses_every_critical_header() {
    for crit in [json!([]), json!(["exp"]), json!(["b64"]), json!(null), json!("x"), json!(["x", "x"])] {
        assert_eq!(by_header(&with(&header(Hs256), "crit", Some(crit))), Some(CriticalHeader));
    }
}

#[test]
fn ignores_keys_in_or_named_by_the_header() {
    let own = EncodingKey::from_secret(&[1; 32]);
    for member in ["jwk", "jku", "x5u", "x5c"] {
        let value = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode([1; 32]), "kid": "hs256" });
        let header = with(&header(Hs256), member, Some(value));
        assert_eq!(by_header(&header), None, "{member} is ignored");
        let forged = sign_with(&own, Algorithm::HS256, &header.to_string(), &claims().to_string());
        assert_eq!(refused(&forged), Some(WrongSignature), "{member}");
    }
}

#[test]
fn alg_must_be_that_of_the_key() {
    let world = World::new();
    for algorithm in SigningAlgorithm::ALL {
        for claimed in SigningAlgorithm::ALL {
            let header = with(&header(algorithm), "alg", Some(claimed.as_str().into()));
            let verdict = world.verifier.verify(&sign(algorithm, &header.to_string(), &claims().to_string()));
            let expected = (claimed != algorithm).then_some(WrongAlgorithm);
            assert_eq!(verdict.err(), expected, "{algorithm} claimed to be {claimed}");
        }
    }
}

#[test]
fn refuses_alg_none_in_any_spelling() {
    for name in ["none", "None", "NONE", "nOnE", "none ", "", "hs256", "HS256\u{0}", "ES512", "dir"] {
        let header = with(&header(Hs256), "alg", Some(name.into()));
        assert_eq!(by_header(&header), Some(UnknownAlgorithm), "{name:?}");
        let unsigned = format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims().to_string())
        );
        assert_eq!(refused(&unsigned), Some(UnknownAlgorithm), "{name:?}");
    }
    for value in [None, Some(json!(null)), Some(json!(["HS256"])), Some(json!(256))] {
        assert_eq!(by_header(&with(&header(Hs256), "alg", value)), Some(UnknownAlgorithm));
    }
    assert_eq!(by_header(&with(&header(Hs256), "alg", Some("HS512".into()))), Some(WrongAlgorithm));
}

/// Returns a public key in every encoding that has been misused as an HMAC secret.
fn encodings(stored: &StoredKey) -> Vec<Vec<u8>> {
    let jwk: Value = serde_json::from_str(&stored.public_jwk).unwrap();
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let parse = |algorithm, key: &[u8]| UnparsedPublicKey::new(algorithm, key).parse().unwrap();
    let key = match stored.key.algorithm.as_str() {
        "ES256" => parse(&ECDSA_P256_SHA256_FIXED, &[&[4], &number("x")[..], &number("y")].concat()),
        "EdDSA" => parse(&ED25519, &number("x")),
        _ => RsaPublicKeyComponents { n: number("n"), e: number("e") }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .unwrap(),
    };
    let der: PublicKeyX509Der<'_> = key.as_der().unwrap();
    let der = der.as_ref().to_vec();
    let lines: Vec<String> = STANDARD
        .encode(&der)
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
    let texts = [pem.clone(), format!("{pem}\n"), stored.public_jwk.clone(), stored.key.kid.clone()];
    let bytes = [key.as_ref().to_vec(), der];
    texts.into_iter().map(String::into_bytes).chain(bytes).collect()
}

#[test]
fn refuses_hmac_with_a_public_key_in_any_encoding() {
    for stored in STORED.iter() {
        for secret in encodings(stored) {
            let key = EncodingKey::from_secret(&secret);
            for kid in [Some(json!(stored.key.kid)), Some(json!("hs256")), None] {
                let header = with(&header(Hs256), "kid", kid);
                let forged = sign_with(&key, Algorithm::HS256, &header.to_string(), &claims().to_string());
                let why = refused(&forged);
                assert!(matches!(why, Some(WrongAlgorithm | WrongSignature)), "{header}: {why:?}");
            }
        }
    }
}

#[test]
fn refuses_zero_and_foreign_signatures() {
    for algorithm in SigningAlgorithm::ALL {
        let good = sign(algorithm, &header(algorithm).to_string(), &claims().to_string());
        assert_eq!(refused(&good), None);
        let (message, signature) = good.rsplit_once('.').unwrap();
        let length = URL_SAFE_NO_PAD.decode(signature).unwrap().len();
        let zeros = URL_SAFE_NO_PAD.encode(vec![0; length]);
        for other in ["", "AAAA", zeros.as_str(), &signature[4..], &format!("AAAA{signature}")] {
            assert_eq!(refused(&format!("{message}.{other}")), Some(WrongSignature), "{algorithm}");
        }
        let escalated = with(&claims(), "roles", Some(json!(["admin"])));
        let escalated = sign(algorithm, &header(algorithm).to_string(), &escalated.to_string());
        let (message, _) = escalated.rsplit_once('.').unwrap();
        assert_eq!(refused(&format!("{message}.{signature}")), Some(WrongSignature));
    }
}

#[test]
fn refuses_an_unknown_kid_or_an_ambiguous_key() {
    for kid in ["", "nobody", "../../dev/null", "' OR 1=1 --", "hs256\u{0}", "HS256"] {
        assert_eq!(by_header(&with(&header(Hs256), "kid", Some(kid.into()))), Some(UnknownKey), "{kid}");
    }
    assert_eq!(by_header(&with(&header(Hs256), "kid", Some(json!(1)))), Some(MalformedHeader));
    assert_eq!(by_header(&with(&header(Hs256), "kid", Some(json!(null)))), Some(MalformedHeader));
    assert_eq!(by_header(&with(&header(Hs256), "kid", None)), None);

    let world = World::new();
    let nameless = sign(Es256, &with(&header(Es256), "kid", None).to_string(), &claims().to_string());
    assert_eq!(world.verifier.verify(&nameless).err(), None);
    let two = [STORED.clone(), vec![super::stored(Es256)]].concat();
    world.keys.replace(super::set_of(two, Es256));
    assert_eq!(world.verifier.verify(&nameless).err(), Some(AmbiguousKey));
}

#[test]
fn token_has_three_parts_and_at_most_8_kib() {
    let good = token(&claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    for wrong in
        ["", "x", signed, &format!("{good}."), &format!("{good}.{signature}.{signature}"), &".".repeat(8_192)]
    {
        assert_eq!(refused(wrong), Some(NotThreeParts));
    }
    let json = json!({ "protected": header, "payload": payload, "signature": signature });
    assert!(refused(&json.to_string()).is_some());
    assert_eq!(refused(".."), Some(NotAnObject));
    assert_eq!(refused(&".".repeat(100_000)), Some(TooLong));
    let padded = |length: usize| with(&claims(), "padding", Some("x".repeat(length).into()));
    assert_eq!(refused(&token(&padded(5_000))), None);
    assert_eq!(refused(&token(&padded(6_200))), Some(TooLong));
}

#[test]
fn base64url_must_be_canonical_in_every_part() {
    let good = token(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let forms: [fn(&str) -> String; 5] = [
        |part| format!("{part}="),
        |part| format!("{part}\n"),
        |part| format!(" {part}"),
        |part| format!("{part}%3D"),
        |part| format!("+/{part}"),
    ];
    for place in 0..3 {
        for form in forms {
            let mut changed: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            changed[place] = form(parts[place]);
            assert!(refused(&changed.join(".")).is_some(), "{changed:?}");
        }
    }
    // 32 bytes leave two bits of the last letter unused: three spellings more, each of them wrong.
    let (rest, last) = good.split_at(good.len() - 1);
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let others = letters.chars().filter(|letter| !last.contains(*letter));
    for other in others {
        assert_eq!(refused(&format!("{rest}{other}")), Some(WrongSignature), "{other}");
    }
}

#[test]
fn refuses_duplicate_members_and_non_objects() {
    let (header, claims) = (header(Hs256).to_string(), claims().to_string());
    let twice = |object: &str, member: &str| object.replacen('{', &format!("{{{member},"), 1);
    assert_eq!(refused(&sign(Hs256, &header, &claims)), None);
    assert_eq!(refused(&sign(Hs256, &twice(&header, r#""alg":"none""#), &claims)), Some(DuplicateMember));
    assert_eq!(refused(&sign(Hs256, &header, &twice(&claims, r#""sub":"x""#))), Some(DuplicateMember));
    assert_eq!(refused(&sign(Hs256, &header, &twice(&claims, r#""\u0073ub":"x""#))), Some(DuplicateMember));
    assert_eq!(
        refused(&sign(Hs256, &header, &twice(&claims, r#""a":{"b":1,"b":2}"#))),
        Some(DuplicateMember)
    );
    for other in ["", "null", "[]", "\"\"", "{", "{}{}", "\u{feff}{}"] {
        assert_eq!(refused(&sign(Hs256, other, &claims)), Some(NotAnObject), "{other}");
        assert_eq!(refused(&sign(Hs256, &header, other)), Some(NotAnObject), "{other}");
    }
    let deep = "[".repeat(3_000);
    assert_eq!(refused(&sign(Hs256, &header, &deep)), Some(NotAnObject));
}

#[test]
fn refuses_a_changed_or_truncated_token() {
    let good = sign(Es256, &header(Es256).to_string(), &claims().to_string());
    let world = World::new();
    assert!(world.verifier.verify(&good).is_ok());
    for place in 0..good.len() {
        assert!(world.verifier.verify(&good[..place]).is_err(), "cut at {place}");
        let other = if &good[place..=place] == "A" { "B" } else { "A" };
        let changed = [&good[..place], other, &good[place + 1..]].concat();
        assert!(world.verifier.verify(&changed).is_err(), "changed at {place}");
    }
    assert_eq!(world.verifier.cache_usage().tokens, 1);
}
