//! The headers of answers, each told once.

use serde_json::{Map, Value, json};

/// Name, meaning, schema.
type Told = (&'static str, &'static str, fn() -> Value);

const TOLD: &[Told] = &[
    (
        "X-Request-Id",
        "By which the log and the audit trail know the request; that of the request, if it brought one",
        || json!({ "type": "string", "examples": ["019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17"] }),
    ),
    (
        "X-Content-Type-Options",
        "A browser takes the body for nothing but what it is said to be",
        || json!({ "const": "nosniff" }),
    ),
    (
        "Cache-Control",
        "Whether and how long the answer may be kept",
        || json!({ "type": "string", "examples": ["no-store"] }),
    ),
    (
        "X-Cloakroom-Environment",
        "What the server is for, where that is not production",
        || json!({ "type": "string", "enum": ["staging", "test"] }),
    ),
    (
        "ETag",
        "The version: for `If-Match` of a change, and for `If-None-Match`",
        || json!({ "type": "string", "examples": ["\"3-9f86d081884c7d65\""] }),
    ),
    ("Location", "Where it is", || json!({ "type": "string", "format": "uri-reference" })),
    (
        "Link",
        "The next page (RFC 8288), where there is one",
        || json!({ "type": "string", "examples": ["<https://id.example.org/users?cursor=AbC>; rel=\"next\""] }),
    ),
    (
        "Vary",
        "What of the request the answer depends on",
        || json!({ "type": "string", "examples": ["Accept"] }),
    ),
    (
        "Idempotent-Replayed",
        "That the answer was given before, to a request with the same `Idempotency-Key`",
        || json!({ "const": "true" }),
    ),
    (
        "WWW-Authenticate",
        "What to authenticate with, and what was wrong (RFC 6750 §3, RFC 9728 §5.1)",
        || json!({ "type": "string", "examples": ["Bearer error=\"invalid_token\""] }),
    ),
    ("Retry-After", "When to try again, in seconds", || json!({ "type": "integer", "minimum": 1 })),
    (
        "RateLimit-Policy",
        "How many there may be in how many seconds (draft-ietf-httpapi-ratelimit-headers)",
        || json!({ "type": "string", "examples": ["\"guesses\";q=10;w=900"] }),
    ),
    (
        "RateLimit",
        "How many more there may be, and in how many seconds all of them",
        || json!({ "type": "string", "examples": ["\"guesses\";r=7;t=612"] }),
    ),
    (
        "Accept",
        "The media type that a body must have",
        || json!({ "type": "string", "examples": ["application/json"] }),
    ),
    (
        "Accept-Patch",
        "The media type that a patch must have (RFC 5789 §3.1)",
        || json!({ "type": "string", "examples": ["application/merge-patch+json"] }),
    ),
    (
        "Accept-Post",
        "The media type that a body must have",
        || json!({ "type": "string", "examples": ["application/json"] }),
    ),
    (
        "Set-Cookie",
        "What ties the browser to its session and to the forms that it was shown",
        || json!({ "type": "string" }),
    ),
    ("Content-Security-Policy", "What the page may load, run and send", || json!({ "type": "string" })),
];

/// Those that every answer has.
pub(crate) const EVERYWHERE: &[&str] = &["X-Request-Id", "X-Content-Type-Options", "Cache-Control"];

/// Every header, for the others to refer to.
pub(crate) fn components() -> Value {
    let header = |(name, meaning, schema): &Told| {
        let required = EVERYWHERE.contains(name);
        ((*name).to_owned(), json!({ "description": meaning, "required": required, "schema": schema() }))
    };
    TOLD.iter().map(header).collect::<Map<_, _>>().into()
}

/// The headers of an answer that has these besides those of every answer.
pub(crate) fn with<'a>(own: impl Iterator<Item = &'a str>) -> Value {
    let names: Vec<&str> = EVERYWHERE.iter().copied().chain(["X-Cloakroom-Environment"]).chain(own).collect();
    references(&names).into()
}

/// References to headers that are told above.
pub(crate) fn references(names: &[&str]) -> Map<String, Value> {
    let header = |name: &&str| {
        let value = match TOLD.iter().any(|(known, ..)| known == name) {
            true => json!({ "$ref": format!("#/components/headers/{name}") }),
            false => json!({ "schema": { "type": "string" } }),
        };
        ((*name).to_owned(), value)
    };
    names.iter().map(header).collect()
}
