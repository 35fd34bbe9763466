//! Algorithm confusion: tokens that use a key as another kind of key, or no key.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::{mint, refuses, sign, with};
use crate::support::{Engine, Server, decoded};

/// Server that signs with ES256, its published key, and the header and claims of a valid token.
struct World {
    server: Server,
    token: String,
    jwk: Value,
    header: Value,
    claims: Value,
}

impl World {
    fn new() -> Self {
        let server = Server::start(Engine::Sqlite);
        let token = server.register("ada").token;
        let jwk = server.get("/.well-known/jwks.json").send().json()["keys"][0].clone();
        let (header, claims) = decoded(&token);
        server.get("/users/me").bearer(&token).send().expect(200);
        Self { server, token, jwk, header, claims }
    }

    fn number(&self, name: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(self.jwk[name].as_str().unwrap()).unwrap()
    }

    /// Returns the public key in every encoding that vulnerable libraries accepted as an HMAC secret.
    fn encodings(&self) -> Vec<Vec<u8>> {
        let point = [&[4], &self.number("x")[..], &self.number("y")].concat();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).parse().unwrap();
        let der: PublicKeyX509Der<'_> = key.as_der().unwrap();
        let base64 = STANDARD.encode(der.as_ref());
        let (first, rest) = base64.split_at(64);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{first}\n{rest}\n-----END PUBLIC KEY-----");
        let jwks = json!({ "keys": [self.jwk] }).to_string();
        let texts = [format!("{pem}\n"), pem, base64, self.jwk.to_string(), jwks, self.jwk["x"].to_string()];
        let bytes = [point[1..].to_vec(), point, der.as_ref().to_vec(), self.number("x"), Vec::new()];
        texts.into_iter().map(String::into_bytes).chain(bytes).collect()
    }
}

#[test]
fn refuses_a_mac_under_the_public_key() {
    let world = World::new();
    let kid = &world.header["kid"];
    for secret in world.encodings() {
        for kid in [Some(kid.clone()), Some(json!("hs256")), None] {
            let header = with(&with(&world.header, "kid", kid), "alg", json!("HS256"));
            refuses(&world.server, &mint(&secret, &header, &world.claims));
            // The same holds when the header still names the real algorithm.
            refuses(&world.server, &mint(&secret, &with(&header, "alg", json!("ES256")), &world.claims));
        }
    }
}

#[test]
fn refuses_a_signature_of_zeros() {
    let world = World::new();
    let (message, signature) = world.token.rsplit_once('.').unwrap();
    let order = [[0xff; 4].as_slice(), &[0; 4], &[0xff; 8]].concat();
    let tail =
        [0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51];
    let order = [order, tail.to_vec()].concat();
    let der_of_zeros = vec![0x30, 6, 2, 1, 0, 2, 1, 0];
    for wrong in
        [vec![0; 64], [order.clone(), order].concat(), vec![0xff; 64], vec![0; 63], Vec::new(), der_of_zeros]
    {
        refuses(&world.server, &format!("{message}.{}", URL_SAFE_NO_PAD.encode(wrong)));
    }
    refuses(&world.server, &format!("{message}.{signature}{signature}"));
}

#[test]
fn refuses_an_rsa_signature_under_our_kid() {
    let world = World::new();
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    // PKCS#1 begins after 26 bytes of PKCS#8 (RFC 5208).
    let key = EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..]);
    for (name, algorithm) in [("RS256", Algorithm::RS256), ("PS256", Algorithm::PS256)] {
        for kid in [Some(world.header["kid"].clone()), None] {
            let header = with(&with(&world.header, "alg", json!(name)), "kid", kid);
            refuses(&world.server, &sign(&key, algorithm, &header.to_string(), &world.claims.to_string()));
        }
    }
}

#[test]
fn signature_covers_header_and_claims() {
    let world = World::new();
    let parts: Vec<&str> = world.token.split('.').collect();
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for alg in ["none", "HS256", "RS256", "EdDSA", "ES384", "es256"] {
        let header = encoded(&with(&world.header, "alg", json!(alg)));
        refuses(&world.server, &format!("{header}.{}.{}", parts[1], parts[2]));
    }
    for (claim, value) in [
        ("roles", json!(["admin"])),
        ("scope", json!("users:read:any")),
        ("exp", json!(4_000_000_000_i64)),
        ("epoch", json!(9)),
    ] {
        let claims = encoded(&with(&world.claims, claim, value));
        refuses(&world.server, &format!("{}.{claims}.{}", parts[0], parts[2]));
    }
    let grace = world.server.register("grace");
    let other: Vec<&str> = grace.token.split('.').collect();
    refuses(&world.server, &format!("{}.{}.{}", parts[0], other[1], parts[2]));
}
