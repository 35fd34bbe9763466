//! The OpenAPI 3.1 document, made from the list of endpoints and the types of their handlers.
//!
//! `headers.rs` describes each header once, `problems.rs` each problem. `example.rs` makes the example of a
//! response from the examples of its members.

mod answers;
mod bodies;
mod example;
mod headers;
mod operation;
mod operation_id;
mod problems;
mod security;
mod tags;

use std::collections::BTreeMap;

use actix_web::http::Method;
use serde_json::{Map, Value, json};

use crate::authz::Vocabulary;
use crate::domain::Role;
use crate::http::kit::{ACTIONS_OF, ActionTable, Code, Description, Part, Route};

const ABOUT: &str = "User management with authorization built in. Each operation's `x-decision` says who \
    may call it.\n\nA member of a response that has no value is null. A request body with an unknown member, or \
    with one that the caller may not write, is refused. Every error outside `/oauth/` is a problem document \
    (RFC 9457) with a stable `code`; its `type` is the URL of a page that explains the code. A request may \
    have its own `X-Request-Id`.";

/// The schemas that the parts of the document refer to.
struct Api {
    /// The schemas by their names.
    schemas: BTreeMap<String, Value>,
    /// Set when the server issues tokens, and so has browser sessions.
    issues_tokens: bool,
}

/// Returns the document of an application's routes, for a server at `issuer`.
pub fn document<R: AsRef<Route>>(name: &str, routes: &[R], vocabulary: &Vocabulary, issuer: &str) -> Value {
    let actions = ActionTable::of(routes);
    let routes: Vec<&Route> =
        routes.iter().map(AsRef::as_ref).filter(|route: &&Route| route.is_documented).collect();
    let described: Vec<(&Route, Description)> =
        routes.iter().map(|route| (*route, route.description())).collect();
    let own = own_problems(&described);
    let mut schemas = schemas(described.iter().map(|(_, description)| description), vocabulary, &own);
    schemas.values_mut().for_each(|schema| name_actions(schema, &actions));
    schemas.insert("BrokenRule".to_owned(), problems::broken_rule_schema(&routes, &own));
    bodies::close(&mut schemas, described.iter().filter_map(|(_, description)| description.body.as_ref()));
    let issues_tokens = routes.iter().any(|route| route.part == Part::AuthorizationServer);
    let api = Api { schemas, issues_tokens };
    let mut paths: Map<String, Value> = Map::new();
    for (route, description) in &described {
        let operation = api.operation(route, description);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.as_str().to_lowercase(), operation);
        }
    }
    let codes = paths
        .get_mut("/problems/{code}")
        .and_then(|path| path.pointer_mut("/get/parameters/0/schema/enum")?.as_array_mut());
    codes.into_iter().for_each(|codes| codes.extend(own.iter().map(|code| Value::from(code.as_str()))));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "User management with authorization built in",
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": issuer }],
        "tags": tags::of(&routes),
        "paths": paths,
        "components": {
            "schemas": api.schemas,
            "headers": headers::components(),
            "examples": problems::examples(issuer, &own),
            "securitySchemes": security::schemes(issuer, issues_tokens, vocabulary),
        },
    })
}

/// Returns the problems of the application that its routes name.
fn own_problems(described: &[(&Route, Description)]) -> Vec<Code> {
    let named = described.iter().flat_map(|(_, description)| &description.problems);
    let mut own: Vec<Code> = named.copied().filter(|code| matches!(code, Code::Own(_))).collect();
    own.sort_unstable_by_key(|code| code.as_str());
    own.dedup();
    own
}

/// Names the actions in the schema of `_actions`, which is that of a kind of record.
fn name_actions(schema: &mut Value, table: &ActionTable) {
    let Some(actions) = schema.pointer_mut("/properties/_actions").and_then(Value::as_object_mut) else {
        return;
    };
    let Some(Value::String(kind)) = actions.shift_remove(ACTIONS_OF) else { return };
    let example: Map<String, Value> = table
        .on_kind(&kind)
        .map(|(name, members)| (name.to_owned(), members.iter().take(1).cloned().collect()))
        .collect();
    actions.insert("examples".to_owned(), json!([example]));
    let properties: Map<String, Value> = table
        .on_kind(&kind)
        .map(|(name, members)| {
            let item = match members.is_empty() {
                true => json!({ "type": "string" }),
                false => json!({ "type": "string", "enum": members }),
            };
            (name.to_owned(), json!({ "type": "array", "items": item }))
        })
        .collect();
    actions.insert("properties".to_owned(), properties.into());
}

/// True when the route supports `If-None-Match`: it reads a record that has a version.
fn answers_conditions(route: &Route, description: &Description) -> bool {
    route.method == Method::GET && description.answers.iter().any(|answer| answer.headers.contains(&"ETag"))
}

fn schemas<'a>(
    descriptions: impl Iterator<Item = &'a Description>,
    vocabulary: &Vocabulary,
    own: &[Code],
) -> BTreeMap<String, Value> {
    let described = descriptions.flat_map(|description| &description.schemas);
    let mut schemas: BTreeMap<String, Value> =
        described.map(|(name, schema)| (name.clone(), json!(schema))).collect();
    schemas.insert("Problem".to_owned(), problems::problem_schema(own));
    schemas.insert("OAuthError".to_owned(), problems::oauth_error_schema());
    let roles: Vec<&str> = vocabulary.roles().map(Role::as_str).collect();
    let role = json!({ "type": "string", "enum": roles, "examples": [Role::USER.as_str()], "description": "A role, which grants scopes to a user's tokens" });
    schemas.insert("Role".to_owned(), role);
    schemas
}
