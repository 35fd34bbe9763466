//! The headers of responses, each described once.

use serde_json::{Map, Value, json};

/// A header: its name, its meaning and its schema.
type Header = (&'static str, &'static str, fn() -> Value);

const HEADERS: &[Header] = &[
    (
        "X-Request-Id",
        "The request's id in the log and in the audit trail; the one that the client sent, if it is valid",
        || json!({ "type": "string", "examples": ["019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17"] }),
    ),
    (
        "X-Content-Type-Options",
        "Tells the browser not to guess the media type",
        || json!({ "const": "nosniff" }),
    ),
    (
        "Cache-Control",
        "The caching rules of the response (RFC 9111)",
        || json!({ "type": "string", "examples": ["no-store"] }),
    ),
    (
        "X-Cloakroom-Environment",
        "The server's environment, if it is not production",
        || json!({ "type": "string", "enum": ["staging", "test"] }),
    ),
    (
        "ETag",
        "The version of the record, for `If-Match` and `If-None-Match`",
        || json!({ "type": "string", "examples": ["\"3-9f86d081884c7d65\""] }),
    ),
    (
        "Location",
        "The URL of what is new, or the target of the redirect",
        || json!({ "type": "string", "format": "uri-reference" }),
    ),
    (
        "Link",
        "The URL of the next page (RFC 8288), if there is one",
        || json!({ "type": "string", "examples": ["<https://id.example.org/users?cursor=AbC>; rel=\"next\""] }),
    ),
    (
        "Vary",
        "The request headers that the response depends on",
        || json!({ "type": "string", "examples": ["Accept"] }),
    ),
    (
        "Idempotent-Replayed",
        "Set when this is the stored response of an earlier request with the same `Idempotency-Key`",
        || json!({ "const": "true" }),
    ),
    (
        "WWW-Authenticate",
        "The challenge: how to authenticate, and what was wrong (RFC 6750 §3, RFC 9728 §5.1)",
        || json!({ "type": "string", "examples": ["Bearer error=\"invalid_token\""] }),
    ),
    (
        "Retry-After",
        "The number of seconds to wait before a retry",
        || json!({ "type": "integer", "minimum": 1 }),
    ),
    (
        "RateLimit-Policy",
        "The quota and the window of the rate limit in seconds (draft-ietf-httpapi-ratelimit-headers)",
        || json!({ "type": "string", "examples": ["\"guesses\";q=10;w=900"] }),
    ),
    (
        "RateLimit",
        "The number of requests that are left, and the seconds until the quota is full again",
        || json!({ "type": "string", "examples": ["\"guesses\";r=7;t=612"] }),
    ),
    (
        "Accept",
        "The media type that the body must have",
        || json!({ "type": "string", "examples": ["application/json"] }),
    ),
    (
        "Accept-Patch",
        "The media type that the patch must have (RFC 5789 §3.1)",
        || json!({ "type": "string", "examples": ["application/merge-patch+json"] }),
    ),
    (
        "Accept-Post",
        "The media type that the body must have",
        || json!({ "type": "string", "examples": ["application/json"] }),
    ),
    (
        "Set-Cookie",
        "The browser's session, or the secret that its CSRF tokens depend on",
        || json!({ "type": "string" }),
    ),
    (
        "Content-Security-Policy",
        "The sources that the page may load, run and send data to",
        || json!({ "type": "string" }),
    ),
];

/// Headers of every response.
pub(crate) const EVERYWHERE: &[&str] = &["X-Request-Id", "X-Content-Type-Options", "Cache-Control"];

/// Returns the components of all headers.
pub(crate) fn components() -> Value {
    let header = |(name, meaning, schema): &Header| {
        let required = EVERYWHERE.contains(name);
        ((*name).to_owned(), json!({ "description": meaning, "required": required, "schema": schema() }))
    };
    HEADERS.iter().map(header).collect::<Map<_, _>>().into()
}

/// Returns the headers of a response: the common ones and its `own`.
pub(crate) fn with<'a>(own: impl Iterator<Item = &'a str>) -> Value {
    let names: Vec<&str> = EVERYWHERE.iter().copied().chain(["X-Cloakroom-Environment"]).chain(own).collect();
    references(&names).into()
}

/// Returns references to the components of these headers.
pub(crate) fn references(names: &[&str]) -> Map<String, Value> {
    let header = |name: &&str| {
        let value = match HEADERS.iter().any(|(known, ..)| known == name) {
            true => json!({ "$ref": format!("#/components/headers/{name}") }),
            false => json!({ "schema": { "type": "string" } }),
        };
        ((*name).to_owned(), value)
    };
    names.iter().map(header).collect()
}
