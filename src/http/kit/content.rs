//! Answers that are not JSON: bytes or a stream of one media type.

use std::fmt::Display;
use std::marker::PhantomData;

use actix_web::HttpResponse;
use actix_web::body::{BodyStream, BoxBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::{entity_tag, is_known};
use super::media_type::schema_of_bytes;
use super::upload::safe_file_name;
use super::{Answer, AnswerDescription, Call, Description, MediaType};

/// Characters of a file name that a header has as they are (RFC 8187 §3.2.1).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// 200 with bytes of the media type `M`. A browser neither guesses another type nor runs anything in them. Bytes have an
/// `ETag`, and the route supports `If-None-Match`; a stream has one when its [`version`](Content::version) is known.
///
/// ```
/// # use cloakroom::{authz::{Allowed, action::Read}, domain::User, http::{Content, MediaType, Problem}};
/// struct Csv;
///
/// impl MediaType for Csv {
///     const NAME: &'static str = "text/csv";
///     fn example() -> Vec<u8> { b"name\r\n".to_vec() }
/// }
///
/// async fn export(user: Allowed<User, Read>) -> Result<Content<Csv>, Problem> {
///     Ok(Content::bytes(format!("id\r\n{}\r\n", user.id)).file_name("account.csv"))
/// }
/// ```
pub struct Content<M> {
    body: Body,
    version: Option<i64>,
    file_name: Option<String>,
    media_type: PhantomData<M>,
}

enum Body {
    Bytes(Bytes),
    Stream(BoxBody),
}

impl<M> Content<M> {
    /// Makes the response with these bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::of(Body::Bytes(bytes.into()))
    }

    /// Makes the response with a stream. An error goes to the log, and ends the connection, so that the client does not
    /// take the answer for complete. The stream must not wait for a lock of the database.
    pub fn stream<E: Display>(chunks: impl Stream<Item = Result<Bytes, E>> + 'static) -> Self {
        let chunks = chunks.map(|chunk| {
            chunk.map_err(|error| {
                log::error!("an answer ends early: {error}");
                std::io::Error::other("the answer ends early")
            })
        });
        Self::of(Body::Stream(BoxBody::new(BodyStream::new(Box::pin(chunks)))))
    }

    fn of(body: Body) -> Self {
        Self { body, version: None, file_name: None, media_type: PhantomData }
    }

    /// Sets the version: it changes whenever the content does, as the revision of a record. Bytes have one without it.
    pub fn version(self, version: i64) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Makes it a download with this file name (RFC 6266).
    pub fn file_name(self, name: &str) -> Self {
        Self { file_name: safe_file_name(name), ..self }
    }
}

impl<M: MediaType> Answer for Content<M> {
    fn respond(self, call: &Call) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(M::NAME)));
        response.insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"));
        if let Some(name) = &self.file_name {
            let name = utf8_percent_encode(name, ENCODED);
            response
                .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{name}")));
        }
        let tag = match (&self.body, self.version) {
            (Body::Bytes(bytes), version) => Some(entity_tag(version.unwrap_or_default(), bytes)),
            (Body::Stream(_), version) => version.map(|version| format!("\"{version}\"")),
        };
        if let Some(tag) = tag {
            let is_known = is_known(call, &tag);
            response.insert_header((header::ETAG, tag));
            if is_known {
                return response.status(StatusCode::NOT_MODIFIED).finish();
            }
        }
        match self.body {
            Body::Bytes(bytes) => response.body(bytes),
            Body::Stream(stream) => response.body(stream),
        }
    }

    fn describe(description: &mut Description) {
        description.answers.push(AnswerDescription {
            status: 200,
            meaning: "The content",
            content: Some((M::NAME, schema_of_bytes(None))),
            headers: &["ETag", "Content-Disposition", "Content-Security-Policy"],
        });
    }
}
