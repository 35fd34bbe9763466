//! Responses of handlers: bodies and entity tags.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use utoipa::openapi::schema::{ArrayBuilder, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{AnswerDescription, Call, Description, SetCookie};

/// Successful response of a handler.
#[diagnostic::on_unimplemented(
    message = "a handler cannot respond with `{Self}`",
    label = "use `Shown<…>`, `Created<…>`, `Listed<…>`, `Json<…>`, `Content<…>` or `NoContent`",
    note = "`Json<{Self}>` works for a type that derives `serde::Serialize` and `utoipa::ToSchema`"
)]
pub trait Answer {
    /// Set when a user reads the response in a browser. Its problems are pages too.
    const FOR_PEOPLE: bool = false;

    /// Makes the response.
    fn respond(self, call: &Call) -> HttpResponse;
    /// Describes the route.
    fn describe(description: &mut Description);
}

/// 204.
///
/// ```
/// # use cloakroom::{authz::{Allowed, action::EndSessions}, domain::User, http::{NoContent, Problem}, store::Store};
/// async fn log_out_everywhere(
///     user: Allowed<User, EndSessions>,
///     store: Store,
/// ) -> Result<NoContent, Problem> {
///     Ok(store.end_sessions(user, None, None).await?.into())
/// }
/// ```
pub struct NoContent;

/// 202 without a body: the request was taken, and its effect follows, such as a mail.
pub struct Accepted;

/// 204 that sets or removes the cookie of a session, if there is one to set or remove.
pub(crate) struct CookieAnswer(pub(crate) Option<SetCookie>);

/// 201 with a JSON body, for what is created and is no record of [`stored!`](crate::stored).
///
/// ```
/// # use cloakroom::{authz::{Allowed, action::Update}, domain::User, http::{CreatedJson, Problem}};
/// async fn export(user: Allowed<User, Update>) -> Result<CreatedJson<String>, Problem> {
///     Ok(CreatedJson::new("begun".to_owned()).at(format!("/exports/{}", user.id)))
/// }
/// ```
pub struct CreatedJson<T> {
    body: T,
    /// The path of its URL.
    path: Option<String>,
}

impl<T> CreatedJson<T> {
    /// Makes the response, without a `Location`.
    pub fn new(body: T) -> Self {
        Self { body, path: None }
    }

    /// Sets the `Location`: the path on this server where it can be read.
    pub fn at(self, path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..self }
    }
}

/// One of two responses.
pub enum Either<A, B> {
    /// The first.
    First(A),
    /// The second.
    Second(B),
}

/// 200 with a JSON body.
///
/// ```
/// # use cloakroom::{authz::{Allowed, action::ListSessions}, domain::User, http::{Json, Problem}, store::{Keyset, Store}};
/// async fn how_many(user: Allowed<User, ListSessions>, store: Store) -> Result<Json<usize>, Problem> {
///     let page = store.sessions(&user, Keyset { after: None, limit: 200 }).await?;
///     Ok(Json(page.items.len()))
/// }
/// ```
pub struct Json<T>(pub T);

/// 200 with a versioned record: the response has an `ETag`, and the route supports `If-None-Match`. A record
/// with `_actions` is [`Shown`](crate::http::Shown).
pub struct Record<T> {
    /// The record.
    pub view: T,
    /// Its version, which [`IfMatch`](crate::http::IfMatch) compares.
    pub revision: i64,
}

/// 200 with a page of a list.
#[derive(Serialize)]
pub struct Page<T> {
    /// The records.
    pub items: Vec<T>,
    /// The cursor of the next page; null on the last one.
    pub next: Option<String>,
}

/// The schema has a name for each kind of record: `UserPage`.
impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Page", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
        schemas.push((T::name().into_owned(), T::schema()));
    }
}

impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let items =
            ArrayBuilder::new().items(Ref::from_schema_name(T::name())).description(Some("The records."));
        let next = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .examples(["AbCdEf-0123456789_ghIJ"])
            .description(Some("The cursor of the next page; null on the last one."));
        let page = ObjectBuilder::new().property("items", items).required("items");
        page.property("next", next).required("next").into()
    }
}

impl From<()> for NoContent {
    fn from((): ()) -> Self {
        Self
    }
}

impl Answer for NoContent {
    fn respond(self, _: &Call) -> HttpResponse {
        HttpResponse::NoContent().finish()
    }

    fn describe(description: &mut Description) {
        description.answers.push(AnswerDescription {
            status: 204,
            meaning: "Done",
            content: None,
            headers: &[],
        });
    }
}

impl Answer for CookieAnswer {
    fn respond(self, _: &Call) -> HttpResponse {
        let mut response = HttpResponse::NoContent();
        if let Self(Some(cookie)) = self {
            response.insert_header((header::SET_COOKIE, cookie.as_str()));
        }
        response.finish()
    }

    fn describe(description: &mut Description) {
        description.answers.push(AnswerDescription {
            status: 204,
            meaning: "Done. For a browser session, `Set-Cookie` sets or removes its cookie",
            content: None,
            headers: &["Set-Cookie"],
        });
    }
}

impl Answer for Accepted {
    fn respond(self, _: &Call) -> HttpResponse {
        HttpResponse::Accepted().finish()
    }

    fn describe(description: &mut Description) {
        description.answers.push(AnswerDescription {
            status: 202,
            meaning: "Accepted",
            content: None,
            headers: &[],
        });
    }
}

impl<T: Serialize + ToSchema> Answer for CreatedJson<T> {
    fn respond(self, call: &Call) -> HttpResponse {
        let mut response = HttpResponse::Created();
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(path) = &self.path {
            response.insert_header((header::LOCATION, format!("{}{path}", call.services().issuer_url)));
        }
        with_json(response, &self.body)
    }

    fn describe(description: &mut Description) {
        answers_json::<T>(description, 201, "The new data, shown once", &["Location"]);
    }
}

impl<A: Answer, B: Answer> Answer for Either<A, B> {
    fn respond(self, call: &Call) -> HttpResponse {
        match self {
            Self::First(answer) => answer.respond(call),
            Self::Second(answer) => answer.respond(call),
        }
    }

    fn describe(description: &mut Description) {
        A::describe(description);
        B::describe(description);
    }
}

impl<T: Serialize + ToSchema> Answer for Json<T> {
    fn respond(self, _: &Call) -> HttpResponse {
        with_json(HttpResponse::Ok(), &self.0)
    }

    fn describe(description: &mut Description) {
        answers_json::<T>(description, 200, "The requested data", &[]);
    }
}

impl<T: Serialize + ToSchema> Answer for Record<T> {
    fn respond(self, call: &Call) -> HttpResponse {
        let body = serde_json::to_vec(&self.view).unwrap_or_default();
        versioned(call, self.revision, body)
    }

    fn describe(description: &mut Description) {
        answers_json::<T>(description, 200, "The record", &["ETag"]);
    }
}

/// Responds with 200, the body and its `ETag`, or with 304 when the client has this version already.
pub(crate) fn versioned(call: &Call, revision: i64, body: Vec<u8>) -> HttpResponse {
    let tag = entity_tag(revision, &body);
    let is_known = is_known(call, &tag);
    let mut response = HttpResponse::Ok();
    response.insert_header((header::ETAG, tag));
    if is_known {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    response.content_type("application/json").body(body)
}

/// True for a read by a client that has the version with this tag (RFC 9110 §13.1.2).
pub(super) fn is_known(call: &Call, tag: &str) -> bool {
    let known = call.header(header::IF_NONE_MATCH).is_some_and(|list| {
        list.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
    });
    known && matches!(call.request().method().as_str(), "GET" | "HEAD")
}

/// Returns the entity tag: the version, which writes compare, and a hash of the body. Two tags are equal only
/// if the bytes are (RFC 9110 §8.8.3).
pub(crate) fn entity_tag(revision: i64, body: &[u8]) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
    let first = hash.as_ref().iter().take(8).fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
    format!("\"{revision}-{first:016x}\"")
}

impl<T: Serialize + ToSchema> Answer for Page<T> {
    fn respond(self, call: &Call) -> HttpResponse {
        call.shows_page(self.items.len());
        page(call, self.next.as_deref(), serde_json::to_vec(&self).unwrap_or_default())
    }

    fn describe(description: &mut Description) {
        description.schema_of::<T>();
        answers_json::<Page<T>>(description, 200, "A page of the list", &["Link"]);
    }
}

/// Responds with 200, the body of a page, and the link to the next page (RFC 8288).
pub(crate) fn page(call: &Call, next: Option<&str>, body: Vec<u8>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = next {
        let kept = form_urlencoded::parse(call.request().query_string().as_bytes())
            .filter(|(name, _)| name != "cursor");
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair("cursor", cursor)
            .finish();
        let link = format!("<{}{}?{query}>; rel=\"next\"", call.services().issuer_url, call.request().path());
        response.insert_header((header::LINK, link));
    }
    response.content_type("application/json").body(body)
}

fn with_json<T: Serialize>(mut response: HttpResponseBuilder, value: &T) -> HttpResponse {
    response.content_type("application/json").body(serde_json::to_vec(value).unwrap_or_default())
}

/// Describes a JSON response.
pub(crate) fn answers_json<T: ToSchema>(
    description: &mut Description,
    status: u16,
    meaning: &'static str,
    headers: &'static [&'static str],
) {
    let schema = description.schema_of::<T>();
    let content = Some(("application/json", schema));
    description.answers.push(AnswerDescription { status, meaning, content, headers });
}
