//! JSON request bodies: parsed strictly. Every broken rule is reported with a JSON pointer.

use std::marker::PhantomData;
use std::time::Duration;

use super::{Argument, BodyType, Call, Code, Description, Members, Problem};
use crate::authz::{Allowed, Reason, Resource};
use crate::domain::Invalid;
use crate::json::{JsonError, parse_strict};
use actix_web::http::{Method, header};
use actix_web::web::BytesMut;
use futures_util::StreamExt as _;
use serde_json::Value;

/// Largest body that is read, in bytes.
pub const LARGEST_BODY: usize = 64 * 1024;

/// Returns the media types that a route accepts for a body of this type. Plain JSON is a merge patch (RFC 7396) too.
pub(crate) fn media_types(declared: &'static str) -> impl Iterator<Item = &'static str> {
    let plain = (declared == "application/merge-patch+json").then_some("application/json");
    std::iter::once(declared).chain(plain)
}

/// Time limit for the arrival of a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

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
/// async fn bring(user: Allowed<User, Update>, body: Body<Ticket>) -> Result<Json<String>, Problem> {
///     let (number, note) = body.read_by(&user, |members| {
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

    /// Reads the members. A member that `read` does not read is an unknown member.
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

impl<T> Body<T> {
    /// Reads the members of a change to this record, as [`Body::read`] does. Refuses members that the caller
    /// may not write ([`Member`](crate::authz::Member)).
    ///
    /// # Errors
    /// 422 with every broken rule; 401 for a member that asks for a recent authentication.
    pub fn read_by<R: Resource, A, V>(
        mut self,
        record: &Allowed<R, A>,
        read: impl FnOnce(&mut Members) -> Option<V>,
    ) -> Result<V, Problem> {
        for member in R::MEMBERS {
            let refusal = member.write_rule().and_then(|rule| record.refusal_by(rule));
            let Some(refusal) = refusal.filter(|_| !fault!(member_written_by_all)) else {
                continue;
            };
            if refusal.reason == Reason::Stale && self.members.has(member.name()) {
                return Err(refusal.into());
            }
            self.members.read_only(&[member.name()]);
        }
        self.read(read)
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
            Value::Object(object) => Ok(Self { members: Members::of(object, ""), kind: PhantomData }),
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
    Problem::new(Code::UnsupportedMediaType)
        .with_detail(format!("the body must be {} in UTF-8, not compressed", accepted.join(" or ")))
        .with_header(accept, accepted.join(", "))
}

/// Reads the whole body, within the limits of size and time.
pub(crate) async fn read_bytes(call: &mut Call) -> Result<BytesMut, Problem> {
    let too_large = || Problem::new(Code::BodyTooLarge);
    let announced = call.request().headers().get(header::CONTENT_LENGTH);
    let announced =
        announced.and_then(|length| length.to_str().ok()).and_then(|text| text.parse::<usize>().ok());
    let most = if fault!(body_not_bounded) { usize::MAX } else { LARGEST_BODY };
    if announced.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut payload = call.take_payload();
    let reading = async {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk =
                chunk.map_err(|_| Problem::new(Code::MalformedBody).with_detail("the body is incomplete"))?;
            if bytes.len() + chunk.len() > most {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    let bytes = match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(done) => done?,
        Err(_) => return Err(Problem::new(Code::RequestTimeout)),
    };
    call.keep_body_hash(&bytes);
    Ok(bytes)
}
