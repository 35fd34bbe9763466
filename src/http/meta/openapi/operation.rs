//! One operation: its parameters, its body and its responses.

use serde_json::{Map, Value, json};

use super::{Api, answers_conditions, operation_id, security, tags};
use crate::authz::matrix::RouteRule;
use crate::http::kit::{Description, Parameter, Route, media_types};

impl Api {
    /// Returns the operation of a route.
    pub(crate) fn operation(&self, route: &Route, description: &Description) -> Value {
        let mut operation = json!({
            "operationId": operation_id::of(route),
            "summary": route.summary,
            "tags": [tags::of_path(route.path)],
            "parameters": parameters(route, description),
            "responses": self.responses(route, description),
            "security": security::of(&route.access, self.issues_tokens),
        });
        let Some(members) = operation.as_object_mut() else { return operation };
        if let Some(body) = &description.body {
            let form = |media_type: &str| {
                let members = [
                    ("schema", json!(body.schema)),
                    ("example", body.example.clone()),
                    ("encoding", body.encoding.clone()),
                ];
                let form: Map<String, Value> = members
                    .into_iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect();
                (media_type.to_owned(), Value::from(form))
            };
            let content: Map<String, Value> = media_types(body.media_type).map(form).collect();
            let body = json!({ "required": !description.body_is_optional, "content": content });
            members.insert("requestBody".to_owned(), body);
        }
        if let Some(rule) = route.access.rule() {
            members.insert("x-decision".to_owned(), json!(RouteRule::of("by scope", rule, true)));
        }
        operation
    }
}

fn parameters(route: &Route, description: &Description) -> Vec<Value> {
    let described = |name| description.segments.iter().find(|known| known.name == name);
    let segments = route.segment_names().filter_map(described).map(|segment| named(segment, "path"));
    let query = description.parameters.iter().map(|parameter| named(parameter, "query"));
    let headers = description.request_headers.iter().map(|parameter| named(parameter, "header"));
    let condition = answers_conditions(route, description).then(|| {
        let schema = json!({ "type": "string", "examples": ["\"3-9f86d081884c7d65\""] });
        named(
            &Parameter::optional(
                "If-None-Match",
                "The `ETag`s of the versions that the client already has",
                schema,
            ),
            "header",
        )
    });
    segments.chain(query).chain(headers).chain(condition).collect()
}

fn named(parameter: &Parameter, place: &str) -> Value {
    let mut named = json!({
        "name": parameter.name, "in": place, "required": parameter.required,
        "description": parameter.meaning, "schema": parameter.schema,
    });
    let is_list = parameter.schema.get("type").is_some_and(|of| of == "array");
    if let Some(members) = named.as_object_mut().filter(|_| is_list) {
        members.insert("explode".to_owned(), false.into());
    }
    named
}
