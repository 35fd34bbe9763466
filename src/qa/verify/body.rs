//! Request bodies: the examples of the documentation. A few of cloakroom's own routes need values of this user,
//! which an example cannot know.

use actix_web::http::Method;
use serde_json::Value;

use super::fixture::{Fixture, TestUser};
use crate::http::Endpoint;
use crate::http::kit::SentExample;

const FORM: &str = "application/x-www-form-urlencoded";

/// The documented example of a body.
pub(crate) enum Example {
    /// Text with members, some of which must be unique.
    Members(&'static str, Value),
    /// Bytes of this media type.
    Bytes(&'static str, Vec<u8>),
}

/// Returns the documented example.
pub(crate) fn example(endpoint: &Endpoint) -> Option<Example> {
    endpoint.description().body.map(|body| match body.sent {
        Some(SentExample { media_type, bytes }) => Example::Bytes(media_type, bytes),
        None => Example::Members(body.media_type, body.example),
    })
}

/// Returns the body as it is sent.
pub(crate) fn bytes(media_type: &str, body: &Value) -> Vec<u8> {
    let members = body.as_object().into_iter().flatten();
    let pairs = members.filter_map(|(name, value)| Some((name, value.as_str()?)));
    match media_type {
        FORM => form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish(),
        _ => body.to_string(),
    }
    .into_bytes()
}

/// Returns the example with the values of this owner and of this run.
pub(crate) fn fitted(
    endpoint: &Endpoint,
    mut body: Value,
    owner: &TestUser,
    is_owner: bool,
    fixture: &Fixture,
) -> Value {
    let Some(members) = body.as_object_mut() else { return body };
    let mut set = |name: &str, value: &str| drop(members.insert(name.to_owned(), value.into()));
    match (&endpoint.method, endpoint.path) {
        (&Method::POST, "/users") | (&Method::PATCH, "/users/{id}") => {
            set("email", &fixture.new_address());
        }
        (&Method::POST, "/clients") => set("client_id", &fixture.new_client_id()),
        (&Method::POST, "/sessions") => {
            set("email", &owner.email);
            set("password", &fixture.password);
        }
        (&Method::POST, "/access/v1/evaluation" | "/access/v1/evaluations") => {
            if let Some(subject) = members.get_mut("subject").and_then(Value::as_object_mut) {
                subject.insert("id".to_owned(), owner.id.as_str().into());
            }
        }
        (&Method::PUT, "/users/{id}/password") if is_owner => set("current_password", &fixture.password),
        (&Method::PUT, "/users/{id}/password") => drop(members.shift_remove("current_password")),
        _ => {}
    }
    body
}

/// Returns the example with other texts, for values that must be unique.
pub(crate) fn numbered(mut body: Value, unique: &str) -> Value {
    for value in body.as_object_mut().into_iter().flat_map(|members| members.values_mut()) {
        if let Value::String(text) = value {
            *text = format!("{text}-{unique}");
        }
    }
    body
}
