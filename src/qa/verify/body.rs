//! Bodies: the example of a route's documentation. Of cloakroom's own routes a few take what is
//! true of this very user, which no example can know.

use actix_web::http::Method;
use serde_json::Value;

use super::people::{PASSWORD, Person};
use crate::http::Endpoint;

const FORM: &str = "application/x-www-form-urlencoded";

/// The documented example: its media type, and itself.
pub(crate) fn example(endpoint: &Endpoint) -> Option<(&'static str, Value)> {
    endpoint.description().body.map(|body| (body.media_type, body.example))
}

/// As it is sent.
pub(crate) fn text(media_type: &str, body: &Value) -> String {
    let members = body.as_object().into_iter().flatten();
    let pairs = members.filter_map(|(name, value)| Some((name, value.as_str()?)));
    match media_type {
        FORM => form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish(),
        _ => body.to_string(),
    }
}

/// The example of one of cloakroom's routes, for this very owner.
pub(crate) fn fitted(
    endpoint: &Endpoint,
    mut body: Value,
    owner: &Person,
    is_owner: bool,
    unique: &str,
) -> Value {
    let Some(members) = body.as_object_mut() else { return body };
    let mut set = |name: &str, value: &str| drop(members.insert(name.to_owned(), value.into()));
    match (&endpoint.method, endpoint.path) {
        (&Method::POST, "/users") | (&Method::PATCH, "/users/{id}") => {
            set("email", &format!("new{unique}@example.com"));
        }
        (&Method::POST, "/sessions") => {
            set("email", &owner.email);
            set("password", PASSWORD);
        }
        (&Method::PUT, "/users/{id}/password") if is_owner => set("current_password", PASSWORD),
        (&Method::PUT, "/users/{id}/password") => drop(members.shift_remove("current_password")),
        _ => {}
    }
    body
}

/// The same with other texts, for where another record has what must be one's own.
pub(crate) fn numbered(mut body: Value, unique: &str) -> Value {
    for value in body.as_object_mut().into_iter().flat_map(|members| members.values_mut()) {
        if let Value::String(text) = value {
            *text = format!("{text}-{unique}");
        }
    }
    body
}
