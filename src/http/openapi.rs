//! The OpenAPI 3.1 document, made from the list of endpoints and the types of their handlers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::decide::Access;
use super::describe::Description;
use super::endpoint::Endpoint;
use super::problem::{BrokenRule, Code};
use crate::authz::matrix::Entry;
use crate::authz::{Rule, Scope, Vocabulary};
use crate::domain::Role;

/// The document of an application's routes, for a server at `issuer`.
pub fn document(name: &str, endpoints: &[Endpoint], vocabulary: &Vocabulary, issuer: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    for endpoint in endpoints {
        let description = endpoint.description();
        let operation = operation(endpoint, &description);
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(endpoint.method.as_str().to_lowercase(), operation);
        }
        schemas.extend(description.schemas.iter().map(|(name, schema)| (name.clone(), json!(schema))));
    }
    schemas.insert("Problem".to_owned(), problem_schema());
    schemas.insert("OAuthError".to_owned(), oauth_error_schema());
    let roles: Vec<&str> = vocabulary.roles().map(Role::as_str).collect();
    schemas.insert("Role".to_owned(), json!({ "type": "string", "enum": roles }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": env!("CARGO_PKG_VERSION"),
            "description": "User management with authorization built in. Each operation's `x-decision` says who may call it.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": issuer }],
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": security_schemes(issuer, endpoints, vocabulary) },
    })
}

fn operation(endpoint: &Endpoint, description: &Description) -> Value {
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "parameters": parameters(endpoint, description),
        "responses": responses(endpoint, description),
        "security": security(&endpoint.access),
    });
    if let (Some(operation), Some(body)) = (operation.as_object_mut(), &description.body) {
        let content = json!({ body.media_type: { "schema": body.schema, "example": body.example } });
        operation.insert(
            "requestBody".to_owned(),
            json!({ "required": !description.body_is_optional, "content": content }),
        );
    }
    if let (Some(operation), Some(rule)) = (operation.as_object_mut(), endpoint.access.rule()) {
        operation.insert("x-decision".to_owned(), json!(Entry::of("by scope", rule, true)));
    }
    operation
}

/// `get /users/{id}/profile` → `get_users_id_profile`
fn operation_id(endpoint: &Endpoint) -> String {
    let path = endpoint.path.replace(['{', '}'], "").replace(['/', '-', '.'], "_");
    format!("{}{path}", endpoint.method.as_str().to_lowercase())
}

fn parameters(endpoint: &Endpoint, description: &Description) -> Vec<Value> {
    let mut parameters: Vec<Value> =
        endpoint.segment_names().map(|name| path_parameter(name, description)).collect();
    parameters.extend(description.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name, "in": "query", "required": false,
            "description": parameter.meaning, "schema": parameter.schema,
        })
    }));
    if description.if_match {
        parameters.push(json!({
            "name": "If-Match", "in": "header", "required": false, "schema": { "type": "string" },
            "description": "The `ETag` of the version that is to be changed",
        }));
    }
    parameters
}

fn path_parameter(name: &str, description: &Description) -> Value {
    let told = description.segments.iter().find(|(known, ..)| *known == name);
    let (meaning, format) = told.map_or(("", ""), |(_, meaning, format)| (*meaning, *format));
    let schema = match (name, format) {
        ("code", _) => json!({ "type": "string", "enum": codes() }),
        ("id", "") if meaning.contains("`me`") => json!({ "type": "string", "examples": ["me"] }),
        (_, "") => json!({ "type": "string" }),
        (_, format) => json!({ "type": "string", "format": format }),
    };
    json!({ "name": name, "in": "path", "required": true, "description": meaning, "schema": schema })
}

fn responses(endpoint: &Endpoint, description: &Description) -> Value {
    let mut responses: BTreeMap<String, Value> = BTreeMap::new();
    for answer in &description.answers {
        let headers: Map<String, Value> = answer
            .headers
            .iter()
            .map(|name| ((*name).to_owned(), json!({ "schema": { "type": "string" } })))
            .collect();
        // What is answered in several forms has a type for each.
        let known = responses.get(&answer.status.to_string()).and_then(|known| known.get("content")).cloned();
        let mut content = known.unwrap_or_else(|| json!({}));
        if let (Some(forms), Some((media, schema))) = (content.as_object_mut(), &answer.content) {
            forms.insert((*media).to_owned(), json!({ "schema": schema }));
        }
        let answered = json!({ "description": answer.meaning, "headers": headers, "content": content });
        responses.insert(answer.status.to_string(), answered);
    }
    let mut problems = vec![Code::Unavailable, Code::Internal];
    problems.extend(&description.problems);
    match endpoint.access {
        Access::Public | Access::Client => {}
        Access::Authenticated => {
            problems.extend([Code::Unauthenticated, Code::InvalidToken, Code::TwoTokens])
        }
        Access::PublicWhileOpen(rule)
        | Access::Record(rule)
        | Access::Own(rule)
        | Access::Collection(rule) => {
            problems.extend([
                Code::Unauthenticated,
                Code::InvalidToken,
                Code::TwoTokens,
                Code::InsufficientScope,
                Code::NotOwner,
            ]);
            problems.extend(rule.who.state().map(|_| Code::WrongState));
        }
    }
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in problems {
        by_status.entry(code.status().as_u16()).or_default().push(code.as_str());
    }
    let (media, schema) = if endpoint.for_people {
        ("text/html", None)
    } else if endpoint.path.starts_with("/oauth/") {
        ("application/json", Some("OAuthError"))
    } else {
        ("application/problem+json", Some("Problem"))
    };
    for (status, mut codes) in by_status {
        codes.sort_unstable();
        codes.dedup();
        let schema = match schema {
            Some(name) => json!({ "$ref": format!("#/components/schemas/{name}") }),
            None => json!({ "type": "string" }),
        };
        let problem = json!({ "description": codes.join(", "), "content": { media: { "schema": schema } } });
        responses.insert(status.to_string(), problem);
    }
    json!(responses)
}

fn security(access: &Access) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Client => json!([{ "client": [] }]),
        Access::Authenticated => json!([{ "bearer": [] }]),
        Access::PublicWhileOpen(rule) => std::iter::once(json!({})).chain(ways(rule)).collect(),
        Access::Record(rule) | Access::Own(rule) | Access::Collection(rule) => ways(rule).collect(),
    }
}

/// Each scope that opens a way, once.
fn ways(rule: &Rule) -> impl Iterator<Item = Value> {
    let scopes: std::collections::BTreeSet<&str> = rule.who.scopes().map(Scope::as_str).collect();
    scopes.into_iter().map(|scope| json!({ "bearer": [scope] }))
}

/// What the routes ask of a caller. A server that issues no tokens says where they come from in its
/// metadata (RFC 9728), and knows no clients.
fn security_schemes(issuer: &str, endpoints: &[Endpoint], vocabulary: &Vocabulary) -> Value {
    if !endpoints.iter().any(|endpoint| endpoint.issuing) {
        let description =
            "A bearer token (RFC 6750) of an issuer that /.well-known/oauth-protected-resource names";
        return json!({
            "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": description },
        });
    }
    let scopes: BTreeMap<&str, &str> =
        vocabulary.scopes().iter().map(|scope| (scope.as_str(), scope.meaning())).collect();
    json!({
        "bearer": { "type": "oauth2", "description": "A bearer token (RFC 6750)", "flows": {
            "clientCredentials": { "tokenUrl": format!("{issuer}/oauth/token"), "scopes": scopes },
        } },
        "client": { "type": "http", "scheme": "basic", "description": "A client's id and secret (RFC 6749 §2.3.1)" },
    })
}

fn codes() -> Vec<&'static str> {
    Code::ALL.iter().map(|code| code.as_str()).collect()
}

fn problem_schema() -> Value {
    let broken_rule = <BrokenRule as utoipa::PartialSchema>::schema();
    json!({
        "type": "object",
        "description": "What went wrong (RFC 9457)",
        "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
        "properties": {
            "type": { "type": "string", "format": "uri", "description": "A page of this server that explains it" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "instance": { "type": "string", "description": "The path that was asked for" },
            "code": { "type": "string", "enum": codes() },
            "request_id": { "type": "string", "description": "The log knows the request by it" },
            "decision_id": { "type": "string", "format": "uuid", "description": "On a refusal: the decision" },
            "errors": { "type": "array", "items": broken_rule, "description": "On a 422: every broken rule" },
        },
    })
}

fn oauth_error_schema() -> Value {
    json!({
        "type": "object",
        "description": "What went wrong (RFC 6749 §5.2)",
        "required": ["error"],
        "properties": { "error": { "type": "string" }, "error_description": { "type": "string" } },
    })
}
