//! Fuzz targets for parsers of which only the work is checked, and that they do not panic.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use chrono::DateTime;
use ipnet::IpNet;

use super::properties::NOW;
use crate::authz::Vocabulary;
use crate::config::ForwardingHeader;
use crate::domain::{ChosenPassword, PasswordAttempt, ProfileClaim, Random, fold_case};
use crate::hashing::{Argon2Cost, Hasher};
use crate::http::{
    AuditQuery, Form, Line, SESSION_COOKIE, TrustedProxies, UserListQuery, read_cookie, read_query,
};
use crate::json::parse_strict;
use crate::oauth::scope_parameter;
use crate::token::{ClientAssertion, ClientKeys, Proof, ProofFor};

/// Checks a password, as a login and a registration do.
pub(super) fn password(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    drop(PasswordAttempt::new(&text));
    let judged = ChosenPassword::parse(&text).and_then(|chosen| chosen.judge(&["ada@example.com"]));
    drop(judged);
}

/// Checks a text as each claim of a profile, as a scope, and normalizes it for a search.
pub(super) fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for claim in ProfileClaim::ALL {
        drop(claim.check(&text));
    }
    drop(scope_parameter(&text, &Vocabulary::default()));
    // A search has at most 512 characters.
    drop(fold_case(&text.chars().take(512).collect::<String>()));
}

/// Checks JSON. What is read is written and read again without a change.
pub(super) fn json(data: &[u8]) {
    if let Ok(value) = parse_strict(data) {
        assert_eq!(parse_strict(value.to_string().as_bytes()).as_ref(), Ok(&value));
    }
}

/// Checks the members of an account with its profile, its roles and its password hash.
pub(super) fn account(data: &[u8]) {
    static HASHER: LazyLock<Hasher> =
        LazyLock::new(|| Hasher::new(Argon2Cost::DEFAULT, 1, 0, Random::system()).expect("a cost in range"));
    drop(Line::read(data, &Vocabulary::default(), &HASHER, None));
}

/// Checks the query of a list, with its filters, its order and its cursor.
pub(super) fn query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    drop(read_query::<UserListQuery>(&text));
    drop(read_query::<AuditQuery>(&text));
    drop(Form::parse(data));
}

/// Checks the headers of a proxy: each line is one header.
pub(super) fn forwarded(data: &[u8]) {
    let proxy = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for (name, setting) in [
        (HeaderName::from_static("x-forwarded-for"), ForwardingHeader::XForwardedFor),
        (header::FORWARDED, ForwardingHeader::Forwarded),
    ] {
        let mut headers = HeaderMap::new();
        for line in data.split(|byte| *byte == b'\n').take(96) {
            if let Ok(value) = HeaderValue::from_bytes(line) {
                headers.append(name.clone(), value);
            }
        }
        TrustedProxies::new(vec![IpNet::from(proxy)], setting).client_address(proxy, &headers);
    }
}

/// Checks a `Cookie` header.
pub(super) fn cookie(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let headers = std::iter::once((header::COOKIE, value)).collect();
    drop(read_cookie(&headers, SESSION_COOKIE));
}

/// Checks a proof of possession, which brings its own key, and a client assertion.
pub(super) fn proof(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let now = DateTime::from_timestamp(NOW, 0).expect("a time");
    let url = "https://id.example.org/oauth/token";
    drop(Proof::verify(&text, &ProofFor { method: "POST", url, access_token: None, now }));
    drop(ClientAssertion::client_named_in(&text));
}

/// Checks the keys of a client, and reads those that are accepted again.
pub(super) fn client_keys(data: &[u8]) {
    let Ok(set) = parse_strict(data) else { return };
    if let Ok(stored) = ClientKeys::register(&set) {
        drop(ClientKeys::from_stored(&stored));
    }
}
