//! Fuzz targets with a property that holds for every input.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix_web::http::header::HeaderValue;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use crate::domain::{Clock, ClockAndRandom, Email, RedirectUri};
use crate::http::{CursorKey, Members};
use crate::http::{Form, credentials_by_basic, read_profile};
use crate::json::parse_strict;
use crate::token::{
    Expected, KeySettings, KeyStore, Keys, MasterKey, Revocations, SigningAlgorithm, Verification, Verifier,
};

pub(super) const ISSUER: &str = "https://id.example.org";
const SECRET: &str = "a secret that only the server and this fuzzer know";
pub(super) const NOW: i64 = 1_800_000_000;
const LEEWAY: i64 = 5;

pub(super) static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let clock = Clock::standing(DateTime::from_timestamp(NOW, 0).expect("a time"));
    let usage = KeySettings {
        algorithm: SigningAlgorithm::Hs256,
        hs256_secret: Some(SecretString::from(SECRET)),
        lifetime: TimeDelta::seconds(600),
        leeway: TimeDelta::seconds(LEEWAY),
    };
    let clock_and_random = ClockAndRandom { clock: clock.clone(), ..ClockAndRandom::default() };
    let safe = KeyStore::new(usage, MasterKey::new([7; 32]), clock_and_random);
    let keys = Arc::new(Keys::open(safe, Vec::new()).expect("the secret is a key"));
    let leeway = Duration::from_secs(LEEWAY.unsigned_abs());
    let expected = Expected { issuer: ISSUER.to_owned(), audience: ISSUER.to_owned(), leeway };
    Verifier::new(expected, keys, Arc::<Revocations>::default(), clock, Arc::default())
});

pub(super) fn signed(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Checks a token as it is sent, or, after a `!`, a header and claims on one line each, which are signed here. An
/// unsigned token is refused, and every claim of a signed one is checked.
pub fn token(data: &[u8]) {
    let Some(parts) = data.strip_prefix(b"!") else {
        let accepted = std::str::from_utf8(data).is_ok_and(|text| VERIFIER.verify(text).is_ok());
        assert!(!accepted, "a token that nobody signed");
        return;
    };
    let mut parts = parts.splitn(2, |byte| *byte == b'\n');
    let (header, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let token = signed(header, claims);
    let Ok(verification) = VERIFIER.verify(&token) else { return };
    let header = parse_strict(header).expect("its header is JSON");
    let claims = parse_strict(claims).expect("its claims are JSON");
    assert_eq!(header["alg"], "HS256");
    assert!(header.get("crit").is_none());
    let typ = header["typ"].as_str().expect("typ").to_ascii_lowercase();
    assert!(matches!(&*typ, "at+jwt" | "application/at+jwt"), "{typ}");
    assert_eq!(claims["iss"], ISSUER);
    let audience = match &claims["aud"] {
        Value::Array(list) => list.iter().any(|one| one == ISSUER),
        one => one == ISSUER,
    };
    assert!(audience && claims["exp"].as_f64().expect("exp") > (NOW - LEEWAY) as f64);
    assert!(claims["iat"].as_f64().expect("iat") <= (NOW + LEEWAY) as f64);
    assert!(claims.get("nbf").is_none_or(|nbf| nbf.as_f64().expect("nbf") <= (NOW + LEEWAY) as f64));
    let subject = claims["sub"].as_str().expect("sub");
    if let Verification::Verified(verified) = verification {
        let caller = verified.caller();
        let client = caller.user_id().is_none();
        assert_eq!(client, claims["client_id"] == subject, "a client speaks for itself alone");
        assert!(client || subject.parse().ok() == caller.user_id(), "a user for themself");
    }
}

/// Checks a cursor: one without a valid seal is refused, and a sealed one keeps its content.
pub fn cursor(data: &[u8]) {
    static KEY: LazyLock<CursorKey> = LazyLock::new(|| CursorKey::new([7; 32]));
    let text = String::from_utf8_lossy(data);
    assert_eq!(KEY.open::<Value>("users", &text), None, "a cursor that nobody sealed");
    let sealed = KEY.seal("users", &text);
    assert_eq!(KEY.open::<String>("users", &sealed).as_deref(), Some(&*text));
    assert_eq!(KEY.open::<String>("notes", &sealed), None, "a cursor of another list");
}

/// Checks a merge patch of a profile: an accepted patch is valid when it is read again, and a refused one changes
/// nothing.
pub fn merge_patch(data: &[u8]) {
    let Ok(Value::Object(object)) = parse_strict(data) else { return };
    let names: Vec<String> = object.keys().cloned().collect();
    let mut members = Members::of(object, "");
    let change = read_profile(&mut members);
    let broken = members.finish();
    assert!(broken.iter().all(|rule| rule.pointer.starts_with('/')));
    let mut claims = BTreeMap::new();
    change.clone().apply(&mut claims);
    for (claim, value) in &claims {
        assert!(names.iter().any(|name| name == claim.as_str()));
        assert_eq!(claim.check(value).ok().as_ref(), Some(value), "what was taken is taken again");
    }
    if broken.is_empty() {
        assert_eq!(names.len(), change.0.len(), "no member was passed over");
    }
}

/// Checks two URIs on one line each: the registered one and the requested one. If they match, a browser reaches
/// the same place.
pub fn redirect_uri(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (registered, asked) = text.split_once('\n').unwrap_or((&text, &text));
    let Ok(uri) = registered.parse::<RedirectUri>() else { return };
    assert!(uri.matches(registered), "what is registered may be asked for");
    if !uri.matches(asked) {
        return;
    }
    let (one, other) = (Url::parse(registered).expect("a URL"), Url::parse(asked).expect("a URL"));
    assert_eq!((one.scheme(), one.host_str()), (other.scheme(), other.host_str()), "{asked}");
    assert_eq!((one.path(), one.query()), (other.path(), other.query()), "{asked}");
    assert!(other.fragment().is_none() && other.username().is_empty() && other.password().is_none());
    let loopback = matches!(one.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    assert!(
        one.port_or_known_default() == other.port_or_known_default() || (one.scheme() == "http" && loopback)
    );
}

/// Checks an e-mail address: reading it again gives the same address and the same key for comparison.
pub fn email(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(email) = Email::parse(text) else { return };
    let again =
        Email::parse(email.as_str()).ok().unwrap_or_else(|| panic!("{:?} is not read again", email.as_str()));
    assert_eq!(email.as_str(), again.as_str());
    assert_eq!(email.key(), Email::comparable(&email.key()), "{:?}", email.as_str());
    assert!(email.as_str().len() <= 254 && !email.as_str().contains(|c: char| c.is_control() || c == ' '));
}

/// Checks an `Authorization` header by HTTP Basic (RFC 7617, RFC 6749 §2.3.1).
pub fn basic(data: &[u8]) {
    let encoded =
        [b"Basic ".as_slice(), base64::engine::general_purpose::STANDARD.encode(data).as_bytes()].concat();
    for bytes in [data, &encoded] {
        if let Ok(value) = HeaderValue::from_bytes(bytes) {
            let _ = credentials_by_basic(&value);
        }
    }
}

/// Checks a form: each parameter occurs once, and encoding it again gives the same form.
pub fn form(data: &[u8]) {
    let Ok(form) = Form::parse(data) else { return };
    let again = Form::parse(form.encoded().as_bytes()).expect("it is read again");
    assert_eq!(form.encoded(), again.encoded());
}
