//! What a handler's own types say of a route: the material of the OpenAPI document and of the
//! tests that walk the routes.

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::body::BodyType;
use super::problem::Code;

/// A route, as far as its handler's types tell it.
#[derive(Default)]
pub struct Description {
    /// The body it takes.
    pub body: Option<BodyDescription>,
    /// The parameters of its query.
    pub parameters: Vec<Parameter>,
    /// What it answers when all goes well.
    pub answers: Vec<AnswerDescription>,
    /// What else it may answer.
    pub problems: Vec<Code>,
    /// Whether `If-Match` is understood.
    pub if_match: bool,
    /// The schemas that the above refer to, by name.
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

/// A body.
pub struct BodyDescription {
    /// Its media type.
    pub media_type: &'static str,
    /// Its schema.
    pub schema: RefOr<Schema>,
    /// One that is valid.
    pub example: Value,
}

/// A parameter of the query.
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// Its JSON schema.
    pub schema: Value,
}

/// An answer.
pub struct AnswerDescription {
    /// Its status.
    pub status: u16,
    /// What it holds, in words.
    pub meaning: &'static str,
    /// Its media type and schema, if it has a body.
    pub content: Option<(&'static str, RefOr<Schema>)>,
    /// Its own headers.
    pub headers: &'static [&'static str],
}

impl Description {
    /// The route takes a body of this type.
    pub fn takes_body<T: BodyType>(&mut self) {
        let schema = self.schema_of::<T>();
        self.body = Some(BodyDescription { media_type: T::MEDIA_TYPE, schema, example: T::example() });
        self.problems.extend([
            Code::MalformedBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::InvalidBody,
            Code::RequestTimeout,
        ]);
    }

    /// The path names a record, which may not be there.
    pub fn names_a_record(&mut self) {
        self.problems.push(Code::NotFound);
    }

    /// A reference to the schema of `T`, whose definition is kept.
    pub fn schema_of<T: ToSchema>(&mut self) -> RefOr<Schema> {
        T::schemas(&mut self.schemas);
        self.schemas.push((T::name().into_owned(), T::schema()));
        utoipa::openapi::Ref::from_schema_name(T::name()).into()
    }
}
