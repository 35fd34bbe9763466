//! Responses with a prepared body.

use std::marker::PhantomData;

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Bytes;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use super::{Answer, AnswerDescription, Call, Description, answers_json};

/// 200 with a prepared body, its media type and its `Cache-Control`.
///
/// ```
/// # use cloakroom::http::{Document, Problem, Public};
/// async fn robots(_: Public) -> Result<Document, Problem> {
///     let body = "User-agent: *\nDisallow: /\n".to_owned();
///     Ok(Document { media_type: "text/plain", body, cache_control: "public, max-age=3600" })
/// }
/// ```
pub struct Document {
    /// The media type.
    pub media_type: &'static str,
    /// The body.
    pub body: String,
    /// `Cache-Control`.
    pub cache_control: &'static str,
}

impl Answer for Document {
    fn respond(self, _: &Call) -> HttpResponse {
        HttpResponse::Ok()
            .content_type(self.media_type)
            .insert_header((header::CACHE_CONTROL, HeaderValue::from_static(self.cache_control)))
            .body(self.body)
    }

    fn describe(description: &mut Description) {
        let text: RefOr<Schema> = ObjectBuilder::new().schema_type(Type::String).into();
        description.answers.push(AnswerDescription {
            status: 200,
            meaning: "The document",
            content: Some(("*/*", text)),
            headers: &[],
        });
    }
}

/// 200 with a JSON document of schema `T` that caches may keep.
pub struct Published<T> {
    document: Bytes,
    cache_control: &'static str,
    schema: PhantomData<T>,
}

impl<T> Published<T> {
    /// Makes the response with this `Cache-Control`.
    pub fn of(document: &T, cache_control: &'static str) -> Self
    where
        T: Serialize,
    {
        Self::from_bytes(serde_json::to_vec(document).unwrap_or_default().into(), cache_control)
    }

    /// Makes the response of a serialized document.
    pub fn from_bytes(document: Bytes, cache_control: &'static str) -> Self {
        Self { document, cache_control, schema: PhantomData }
    }
}

impl<T: ToSchema> Answer for Published<T> {
    fn respond(self, _: &Call) -> HttpResponse {
        HttpResponse::Ok()
            .content_type("application/json")
            .insert_header((header::CACHE_CONTROL, HeaderValue::from_static(self.cache_control)))
            .body(self.document)
    }

    fn describe(description: &mut Description) {
        answers_json::<T>(description, 200, "The document", &[]);
    }
}
