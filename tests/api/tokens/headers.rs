//! Invalid headers, each beside a valid counterpart.

use std::io::ErrorKind;
use std::net::TcpListener;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::{Mint, SECRET, mint, refuses, sign, with};
use crate::support::{Engine, Server, decoded};

impl Mint {
    fn by_header(&self, header: &Value) -> String {
        mint(SECRET.as_bytes(), header, &self.claims())
    }
}

#[test]
fn type_must_be_that_of_an_access_token() {
    let mint = Mint::new(Engine::Sqlite);
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT"] {
        mint.accepts(&mint.by_header(&with(&mint.header(), "typ", json!(typ))));
    }
    for typ in [
        json!("JWT"),
        json!("jwt"),
        json!("rt+jwt"),
        json!("at+jwt "),
        json!(""),
        json!(null),
        json!(["at+jwt"]),
    ] {
        mint.refuses(&mint.by_header(&with(&mint.header(), "typ", typ)));
    }
    mint.refuses(&mint.by_header(&with(&mint.header(), "typ", None)));
}

#[test]
fn refuses_every_critical_header() {
    let mint = Mint::new(Engine::Sqlite);
    for crit in [
        json!([]),
        json!(["exp"]),
        json!(["b64"]),
        json!(["http://example.com/x"]),
        json!("exp"),
        json!(null),
    ] {
        mint.refuses(&mint.by_header(&with(&mint.header(), "crit", crit)));
    }
    let unencoded = json!({ "typ": "at+jwt", "alg": "HS256", "kid": "hs256", "b64": false, "crit": ["b64"] });
    mint.refuses(&mint.by_header(&unencoded));
}

#[test]
fn refuses_an_unsigned_token() {
    let mint = Mint::new(Engine::Sqlite);
    for name in ["none", "None", "NONE", "nOnE", "none ", "", "null"] {
        let header = with(&mint.header(), "alg", json!(name));
        for header in [header.clone(), with(&header, "kid", None)] {
            let signed = mint.by_header(&header);
            let (message, _) = signed.rsplit_once('.').unwrap();
            mint.refuses(&format!("{message}."));
            mint.refuses(message);
            mint.refuses(&signed);
        }
    }
    for alg in [None, Some(json!(null)), Some(json!(["HS256"])), Some(json!(256)), Some(json!({}))] {
        mint.refuses(&mint.by_header(&with(&mint.header(), "alg", alg)));
    }
}

#[test]
fn shared_secret_works_with_one_algorithm_only() {
    let mint = Mint::new(Engine::Sqlite);
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    for (name, algorithm) in [("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)] {
        for kid in [Some(json!("hs256")), None] {
            let header = with(&with(&mint.header(), "alg", json!(name)), "kid", kid);
            mint.refuses(&sign(&key, algorithm, &header.to_string(), &mint.claims().to_string()));
        }
    }
    for name in ["hs256", "HS256 ", "ES256", "RS256", "EdDSA", "PS256", "dir", "A256KW"] {
        mint.refuses(&mint.by_header(&with(&mint.header(), "alg", json!(name))));
    }
}

#[test]
fn kid_must_match_exactly_or_be_absent() {
    let mint = Mint::new(Engine::Sqlite);
    mint.accepts(&mint.by_header(&with(&mint.header(), "kid", None)));
    let paths = ["../../../dev/null", "/dev/null", "file:///dev/null", "cloakroom.master-key"];
    let others = ["", "nobody", "HS256", "hs256\0", "hs256' OR '1'='1", "' UNION SELECT 'key' --", "%", "*"];
    for kid in paths.iter().chain(&others) {
        let header = with(&mint.header(), "kid", json!(kid));
        mint.refuses(&mint.by_header(&header));
        // A `kid` of /dev/null would give an empty secret to a server that reads keys from files.
        mint.refuses(&super::mint(&[0], &header, &mint.claims()));
    }
    for kid in [json!(null), json!(1), json!(["hs256"]), json!({})] {
        mint.refuses(&mint.by_header(&with(&mint.header(), "kid", kid)));
    }
}

/// Uses tokens signed with a key that the header contains or links to.
#[test]
fn never_uses_or_fetches_a_key_from_a_header() {
    let server = Server::start(Engine::Sqlite);
    let ada = server.register("ada");
    let (ours, claims) = decoded(&ada.token);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let elsewhere = format!("http://{}/jwks.json", listener.local_addr().unwrap());

    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let pkcs8 = pair.to_pkcs8v1().unwrap();
    let key = EncodingKey::from_ec_der(pkcs8.as_ref());
    let jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap()).unwrap();
    let public: aws_lc_rs::encoding::PublicKeyX509Der<'_> =
        aws_lc_rs::signature::KeyPair::public_key(&pair).as_der().unwrap();
    let oct = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET) });
    let brought = [
        ("jwk", jwk),
        ("jwk", oct),
        ("jku", json!(elsewhere)),
        ("x5u", json!(elsewhere)),
        ("x5c", json!([STANDARD.encode(public.as_ref())])),
    ];
    for (member, value) in brought {
        for kid in [Some(json!("mine")), Some(ours["kid"].clone()), Some(json!(elsewhere)), None] {
            let header = with(&json!({ "typ": "at+jwt", "alg": "ES256", member: value }), "kid", kid);
            refuses(&server, &sign(&key, Algorithm::ES256, &header.to_string(), &claims.to_string()));
            refuses(&server, &mint(SECRET.as_bytes(), &with(&header, "alg", json!("HS256")), &claims));
        }
    }
    server.get("/users/me").bearer(&ada.token).send().expect(200);
    assert_eq!(
        listener.accept().err().map(|error| error.kind()),
        Some(ErrorKind::WouldBlock),
        "the server must not fetch the key"
    );
}
