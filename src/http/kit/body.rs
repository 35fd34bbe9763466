//! JSON request bodies: parsed strictly. Every broken rule is reported with a JSON pointer.

use std::marker::PhantomData;

use super::incoming::{Incoming, LARGEST_BODY};
use super::{Argument, BodyType, Call, Code, Description, Members, Problem};
use crate::domain::Invalid;
use crate::json::{JsonError, parse_strict};
use actix_web::http::{Method, header};
use actix_web::web::BytesMut;
use serde_json::Value;

/// Returns the media types that a route accepts for a body of this type. Plain JSON is a merge patch (RFC 7396) too.
pub(crate) fn media_types(declared: &'static str) -> impl Iterator<Item = &'static str> {
    let plain = (declared == "application/merge-patch+json").then_some("application/json");
    std::iter::once(declared).chain(plain)
}

/// JSON object of a request body, not yet checked against the rules of `T`. It is checked completely before
/// anything is written: every broken rule is reported, and a member that no code reads is an unknown member.
///
/// ```
/// use cloakroom::authz::{Allowed, action::Update};
/// use cloakroom::domain::{User, plain_text};
/// use cloakroom::http::{Body, BodyType, Json, Problem};
///
/// /// Body of the route.
/// #[derive(utoipa::ToSchema)]
/// struct Ticket { number: String, note: Option<String> }
///
/// impl BodyType for Ticket {
///     fn example() -> serde_json::Value {
///         serde_json::json!({ "number": "A 17", "note": "a blue coat" })
///     }
/// }
///
/// async fn bring(_user: Allowed<User, Update>, body: Body<Ticket>) -> Result<Json<String>, Problem> {
///     let (number, note) = body.read(|members| {
///         let number = members.required_text("number", |text| plain_text(text, 10, false));
///         let note = members.optional_text("note", |text| plain_text(text, 200, true));
///         Some((number?, note.unwrap_or_default()))
///     })?;
///     Ok(Json(format!("{number}: {note}")))
/// }
/// ```
pub struct Body<T> {
    members: Members,
    kind: PhantomData<T>,
}

impl<T> Body<T> {
    /// Returns the text of a member, before the members are read.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.members.peek_text(name)
    }

    /// Reads the members. A member that `read` does not read is an unknown member. Members of the record that the
    /// caller may not write ([`Member`](crate::authz::Member)) are refused already.
    ///
    /// # Errors
    /// 422 with every broken rule.
    pub fn read<V>(mut self, read: impl FnOnce(&mut Members) -> Option<V>) -> Result<V, Problem> {
        let value = read(&mut self.members);
        match (value, self.members.finish()) {
            (Some(value), errors) if errors.is_empty() => Ok(value),
            (_, errors) => Err(Problem::broken_rules(errors)),
        }
    }
}

impl<T: BodyType> Argument for Body<T> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        check_type(call, T::MEDIA_TYPE)?;
        let bytes = read_bytes(call).await?;
        let value = parse_strict(&bytes).map_err(|error| {
            Problem::new(Code::MalformedBody).with_detail(match error {
                JsonError::Malformed(detail) => format!("not JSON: {detail}"),
                JsonError::DuplicateMember(name) => format!("the member {name:?} is repeated"),
                JsonError::TooDeep => "nested too deeply".to_owned(),
            })
        })?;
        match value {
            Value::Object(object) => {
                let mut members = Members::of(object, "");
                call.refuse_read_only(&mut members)?;
                Ok(Self { members, kind: PhantomData })
            }
            _ => Err(Problem::broken_rule("", Invalid::new("not-an-object", "must be a JSON object"))),
        }
    }

    fn describe(description: &mut Description) {
        description.takes_body::<T>();
    }
}

/// Body that may be left out: then the request has neither content nor `Content-Type`.
impl<T: BodyType> Argument for Option<Body<T>> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        if call.request().headers().contains_key(header::CONTENT_TYPE) {
            return Body::take(call).await.map(Some);
        }
        match read_bytes(call).await?.is_empty() {
            true => Ok(None),
            false => Err(wrong_type(call, T::MEDIA_TYPE)),
        }
    }

    fn describe(description: &mut Description) {
        description.takes_body::<T>();
        description.body_is_optional = true;
    }
}

/// Refuses a body of another media type and a compressed body.
pub(crate) fn check_type(call: &Call, expected: &'static str) -> Result<(), Problem> {
    let text = |name| call.request().headers().get(name).and_then(|value| value.to_str().ok());
    let declared = text(header::CONTENT_TYPE).unwrap_or_default();
    let mut parts = declared.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    let plain = text(header::CONTENT_ENCODING).is_none_or(|coding| coding.eq_ignore_ascii_case("identity"));
    let is_accepted = media_types(expected).any(|known| essence.eq_ignore_ascii_case(known));
    if (is_accepted && utf8 && plain) || fault!(media_type_not_compared) {
        return Ok(());
    }
    Err(wrong_type(call, expected))
}

fn wrong_type(call: &Call, expected: &'static str) -> Problem {
    let accept = match *call.request().method() {
        Method::PATCH => header::HeaderName::from_static("accept-patch"),
        Method::POST => header::HeaderName::from_static("accept-post"),
        _ => header::ACCEPT,
    };
    let accepted: Vec<&str> = media_types(expected).collect();
    let charset = if expected.ends_with("json") || expected.starts_with("text/") { " in UTF-8" } else { "" };
    Problem::new(Code::UnsupportedMediaType)
        .with_detail(format!("the body must be {}{charset}, not compressed", accepted.join(" or ")))
        .with_header(accept, accepted.join(", "))
}

/// Reads the whole body into memory, within the limits of size and time.
pub(crate) async fn read_bytes(call: &mut Call) -> Result<BytesMut, Problem> {
    let bytes = Incoming::of(call, LARGEST_BODY)?.bytes().await?;
    call.keep_body_hash(&bytes);
    Ok(bytes)
}
