//! Malformed and altered tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::json;

use super::{Mint, SECRET, refuses, sign, with};
use crate::support::{Engine, Server, send_raw};

#[test]
fn refuses_a_token_without_three_parts() {
    let mint = Mint::new(Engine::Sqlite);
    let good = mint.token(&mint.claims());
    mint.accepts(&good);
    let parts: Vec<&str> = good.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let encrypted =
        URL_SAFE_NO_PAD.encode(json!({ "alg": "dir", "enc": "A256GCM", "typ": "at+jwt" }).to_string());
    let wrong = [
        String::new(),
        "x".to_owned(),
        header.to_owned(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}.{signature}"),
        format!("{encrypted}..AAAAAAAAAAAAAAAA.{claims}.AAAAAAAAAAAAAAAAAAAAAA"),
        "..".to_owned(),
        ".".repeat(7_000),
    ];
    for wrong in wrong {
        mint.refuses(&wrong);
    }
    for wrong in [
        format!("{good}="),
        format!("{good}%3D"),
        good.replace('.', "%2E"),
        format!("\"{good}\""),
        format!("{good},{good}"),
    ] {
        mint.refuses(&wrong);
    }
    let flattened = json!({ "protected": header, "payload": claims, "signature": signature }).to_string();
    let general =
        json!({ "payload": claims, "signatures": [{ "protected": header, "signature": signature }] })
            .to_string();
    for serialised in [flattened, general] {
        mint.refuses(&serialised);
    }
}

#[test]
fn refuses_many_dots_like_any_other_token() {
    let server = Server::start(Engine::Sqlite);
    for parts in [".", "e30."] {
        let token = parts.repeat(100_000 / parts.len());
        let request = format!(
            "GET /users/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        let answer = send_raw(server.address, request.as_bytes());
        assert!(
            answer.starts_with("HTTP/1.1 401 ") && answer.contains("error=\"invalid_token\""),
            "{answer}"
        );
    }
}

#[test]
fn refuses_a_token_above_8_kib() {
    let mint = Mint::new(Engine::Sqlite);
    let padded = |length: usize| mint.token(&with(&mint.claims(), "padding", json!("x".repeat(length))));
    let least = padded(0).len();
    let most = (8_192 - least) * 3 / 4;
    let (fits, does_not) = (padded(most - 3), padded(most + 3));
    assert!(fits.len() <= 8_192 && does_not.len() > 8_192);
    mint.accepts(&fits);
    mint.refuses(&does_not);
    mint.refuses(&padded(20_000));
}

#[test]
fn refuses_duplicate_members() {
    let mint = Mint::new(Engine::Sqlite);
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = |header: &str, claims: &str| sign(&key, Algorithm::HS256, header, claims);
    let (header, claims) = (mint.header().to_string(), mint.claims().to_string());
    mint.accepts(&token(&header, &claims));
    let twice = |object: &str, member: &str| object.replacen('{', &format!("{{{member},"), 1);
    for member in ["\"alg\":\"none\"", "\"alg\":\"HS256\"", "\"kid\":\"other\"", "\"\\u0061lg\":\"none\""] {
        mint.refuses(&token(&twice(&header, member), &claims));
    }
    for member in
        ["\"sub\":\"other\"", "\"exp\":4000000000", "\"scope\":\"users:read:any\"", "\"\\u0073ub\":\"other\""]
    {
        mint.refuses(&token(&header, &twice(&claims, member)));
    }
    mint.refuses(&token(&header, &twice(&claims, "\"address\":{\"a\":1,\"a\":2}")));
    for wrong in [
        "",
        "null",
        "[]",
        "\"x\"",
        "1",
        "{",
        "{}{}",
        "{}",
        &format!("{claims} x"),
        &format!("\u{feff}{claims}"),
    ] {
        mint.refuses(&token(&header, wrong));
        mint.refuses(&token(wrong, &claims));
    }
    mint.refuses(&token(&header, &format!("{}1{}", "[".repeat(2_000), "]".repeat(2_000))));
}

#[test]
fn refuses_an_altered_or_truncated_token() {
    let shared = Mint::new(Engine::Sqlite);
    let own = Server::start(Engine::Sqlite);
    let issued = own.register("ada").token;
    for (server, good) in [(&own, issued), (&shared.server, shared.ada.token.clone())] {
        server.get("/users/me").bearer(&good).send().expect(200);
        for place in (0..good.len()).step_by(7).chain([good.len() - 1]) {
            let other = if &good[place..=place] == "A" { "B" } else { "A" };
            refuses(server, &[&good[..place], other, &good[place + 1..]].concat());
            refuses(server, &good[..place]);
            refuses(server, &[&good[..place], &good[place + 1..]].concat());
        }
        server.get("/users/me").bearer(&good).send().expect(200);
    }
}
