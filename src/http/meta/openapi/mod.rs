//! The OpenAPI 3.1 document, made from the list of endpoints and the types of their handlers.
//!
//! Whatever can be said once is: what a header means stands in `headers.rs`, what a problem reads
//! like in `problems.rs`, and the example of an answer is put together by `example.rs` from those
//! of its members.

mod answers;
mod bodies;
mod example;
mod headers;
mod operation;
mod problems;
mod security;
mod tags;

use std::collections::BTreeMap;

use actix_web::http::Method;
use serde_json::{Map, Value, json};

use crate::authz::Vocabulary;
use crate::domain::Role;
use crate::http::kit::description::Description;
use crate::http::kit::route::{Part, Route};

const ABOUT: &str = "User management with authorization built in: each operation's `x-decision` says who \
    may call it.\n\nA member of an answer that is not set is null; a member of a body that is unknown or \
    not the caller's to write is refused. Every error outside `/oauth/` is a problem document (RFC 9457) \
    with a `code` that stays; a page of this server explains each. A request may bring its own \
    `X-Request-Id`.";

/// What the parts of the document are made from.
struct Api {
    /// Every schema that is referred to, by its name.
    schemas: BTreeMap<String, Value>,
}

/// The document of an application's routes, for a server at `issuer`.
pub fn document<R: AsRef<Route>>(name: &str, routes: &[R], vocabulary: &Vocabulary, issuer: &str) -> Value {
    let routes: Vec<&Route> = routes.iter().map(AsRef::as_ref).collect();
    let described: Vec<(&Route, Description)> =
        routes.iter().map(|route| (*route, route.description())).collect();
    let mut schemas = schemas(described.iter().map(|(_, description)| description), vocabulary);
    bodies::close(&mut schemas, described.iter().filter_map(|(_, description)| description.body.as_ref()));
    let api = Api { schemas };
    let mut paths: Map<String, Value> = Map::new();
    for (route, description) in &described {
        let operation = api.operation(route, description);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.as_str().to_lowercase(), operation);
        }
    }
    let issues_tokens = routes.iter().any(|route| route.part == Part::AuthorizationServer);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Who is who, and who may do what",
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": issuer }],
        "tags": tags::of(&routes),
        "paths": paths,
        "components": {
            "schemas": api.schemas,
            "headers": headers::components(),
            "examples": problems::examples(issuer),
            "securitySchemes": security::schemes(issuer, issues_tokens, vocabulary),
        },
    })
}

/// Whether `If-None-Match` is honoured: somebody reads what has a version.
fn answers_conditions(route: &Route, description: &Description) -> bool {
    route.method == Method::GET && description.answers.iter().any(|answer| answer.headers.contains(&"ETag"))
}

fn schemas<'a>(
    descriptions: impl Iterator<Item = &'a Description>,
    vocabulary: &Vocabulary,
) -> BTreeMap<String, Value> {
    let described = descriptions.flat_map(|description| &description.schemas);
    let mut schemas: BTreeMap<String, Value> =
        described.map(|(name, schema)| (name.clone(), json!(schema))).collect();
    schemas.insert("Problem".to_owned(), problems::problem_schema());
    schemas.insert("OAuthError".to_owned(), problems::oauth_error_schema());
    let roles: Vec<&str> = vocabulary.roles().map(Role::as_str).collect();
    let role = json!({ "type": "string", "enum": roles, "examples": [Role::USER.as_str()], "description": "What a user's tokens may be granted" });
    schemas.insert("Role".to_owned(), role);
    schemas
}
