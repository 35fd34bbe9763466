//! Responses of an operation: successes and problems.

use std::collections::BTreeMap;

use actix_web::http::Method;
use serde_json::{Map, Value, json};

use super::{Api, answers_conditions, example, headers};
use crate::http::kit::{Access, AnswerDescription, Code, Description, RATE_LIMIT_HEADERS, Route};

impl Api {
    pub(crate) fn responses(&self, route: &Route, description: &Description) -> Value {
        let mut responses: BTreeMap<u16, Value> = BTreeMap::new();
        for answer in &description.answers {
            let known = responses.remove(&answer.status);
            responses.insert(answer.status, self.answer(answer, known));
        }
        if answers_conditions(route, description) {
            responses.insert(304, not_modified());
        }
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in problems(route, description) {
            by_status.entry(code.status().as_u16()).or_default().push(code);
        }
        for (status, mut codes) in by_status {
            codes.sort_unstable_by_key(|code| code.as_str());
            codes.dedup();
            responses.insert(status, self.problems(route, &codes));
        }
        for (status, answer) in &mut responses {
            let Some(headers) = answer.get_mut("headers").and_then(Value::as_object_mut) else { continue };
            if description.limited {
                headers.extend(headers::references(&RATE_LIMIT_HEADERS));
            }
            if *status < 300 && route.takes_key {
                headers.extend(headers::references(&["Idempotent-Replayed"]));
            }
        }
        responses
            .into_iter()
            .map(|(status, answer)| (status.to_string(), answer))
            .collect::<Map<_, _>>()
            .into()
    }

    /// Returns a response. A response with several representations has several media types.
    fn answer(&self, answer: &AnswerDescription, known: Option<Value>) -> Value {
        let mut content = known.and_then(|known| known.get("content").cloned()).unwrap_or_else(|| json!({}));
        if let (Some(forms), Some((media, schema))) = (content.as_object_mut(), &answer.content) {
            let schema = json!(schema);
            let form = match example::of(&schema, &self.schemas) {
                Value::Object(example) if !example.is_empty() => {
                    json!({ "schema": schema, "example": example })
                }
                _ => json!({ "schema": schema }),
            };
            forms.insert((*media).to_owned(), form);
        }
        let headers = headers::with(answer.headers.iter().copied());
        json!({ "description": answer.meaning, "headers": headers, "content": content })
    }

    /// Returns the response for the problems of one status.
    fn problems(&self, route: &Route, codes: &[Code]) -> Value {
        let form = route.family;
        let headers = codes.iter().filter_map(|code| form.header(*code, route));
        let example = |code: &Code| {
            (
                code.as_str().to_owned(),
                json!({ "$ref": format!("#/components/examples/{}", form.example_name(*code)) }),
            )
        };
        let mut content = json!({ "schema": form.schema(codes) });
        if let (true, Some(content)) = (form.is_machine_readable(), content.as_object_mut()) {
            content.insert("examples".to_owned(), codes.iter().map(example).collect::<Map<_, _>>().into());
        }
        let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
        json!({
            "description": names.join(", "),
            "headers": headers::with(headers),
            "content": { form.media_type(): content },
        })
    }
}

/// Returns the response to a client that has the current version.
fn not_modified() -> Value {
    json!({ "description": "The record has not changed", "headers": headers::with(["ETag"].into_iter()) })
}

/// Problems of a request whose caller must be known.
const OF_AUTHENTICATION: [Code; 4] =
    [Code::Unauthenticated, Code::InvalidToken, Code::TwoTokens, Code::ForeignOrigin];

/// Returns the problems that a route can respond with.
fn problems(route: &Route, description: &Description) -> Vec<Code> {
    let mut problems = vec![Code::Unavailable, Code::Internal];
    problems.extend(&description.problems);
    if route.method != Method::GET {
        problems.push(Code::OutcomeUnknown);
    }
    match route.access {
        Access::Public | Access::Client => {}
        Access::Authenticated => {
            problems.extend(OF_AUTHENTICATION);
        }
        Access::PublicWhileOpen(rule)
        | Access::Record(rule)
        | Access::Own(rule)
        | Access::Collection(rule)
        | Access::CollectionOf(rule) => {
            problems.extend(OF_AUTHENTICATION);
            problems.extend([Code::InsufficientScope, Code::NotOwner]);
            problems.extend(rule.condition.needs_freshness().then_some(Code::StaleAuthentication));
            problems.extend(rule.condition.states().next().map(|_| Code::WrongState));
        }
    }
    if matches!(route.access, Access::PublicWhileOpen(_)) {
        problems.push(Code::RegistrationClosed);
    }
    problems
}
