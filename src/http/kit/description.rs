//! What a handler's own types say of a route: the material of the OpenAPI document and of the
//! tests that walk the routes.

use std::any::TypeId;
use std::borrow::Cow;

use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::problem_code::Code;
use crate::authz::action::{Action, Read};
use crate::authz::{Can, Rule};
use crate::store::Stored;

/// A route, as far as its handler's types tell it.
#[derive(Default)]
pub struct Description {
    /// The body it takes.
    pub body: Option<BodyDescription>,
    /// Whether it may be left out.
    pub body_is_optional: bool,
    /// The parameters of its query.
    pub parameters: Vec<Parameter>,
    /// What it answers when all goes well.
    pub answers: Vec<AnswerDescription>,
    /// What else it may answer.
    pub problems: Vec<Code>,
    /// Whether how often it may be asked for is limited, and its answers say what is left.
    pub limited: bool,
    /// The headers that mean something to it, besides those that name the caller.
    pub request_headers: Vec<Parameter>,
    /// The schemas that the above refer to, by name.
    pub schemas: Vec<(String, RefOr<Schema>)>,
    /// The segments of its path.
    pub segments: Vec<Parameter>,
    /// Where it names a record, the rule that says who may know of it: that for reading it.
    pub read_rule: Option<&'static Rule>,
    /// The settings of the application that its handler takes.
    pub settings: Vec<(TypeId, &'static str)>,
    /// What is wrong with the route, of what the compiler cannot see.
    pub faults: Vec<String>,
}

/// The body of a route: its schema, its media type and a valid example.
pub trait BodyType: ToSchema + 'static {
    /// The media type; JSON unless the method is PATCH (RFC 7396).
    const MEDIA_TYPE: &'static str = "application/json";

    /// Returns a body that the route accepts, for its documentation and for its tests.
    fn example() -> Value;
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

/// A parameter of the query, or a header of the request.
pub struct Parameter {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What it does.
    pub meaning: Cow<'static, str>,
    /// Its JSON schema.
    pub schema: Value,
    /// Whether it has to be there.
    pub required: bool,
}

impl Parameter {
    /// One that may be left out.
    pub fn optional(name: &'static str, meaning: &'static str, schema: Value) -> Self {
        Self { name: name.into(), meaning: meaning.into(), schema, required: false }
    }

    /// The members of an object, each as a parameter.
    pub(crate) fn members_of<T: ToSchema>() -> Vec<Self> {
        let RefOr::T(Schema::Object(object)) = T::schema() else { return Vec::new() };
        let parameter = |(name, schema): (&String, &RefOr<Schema>)| {
            let mut schema = json!(schema);
            let meaning = schema.as_object_mut().and_then(|schema| schema.shift_remove("description"));
            Self {
                name: name.clone().into(),
                meaning: meaning.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned().into(),
                schema,
                required: object.required.contains(name),
            }
        };
        object.properties.iter().map(parameter).collect()
    }
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

    /// The path names a record of this kind, whose lookup is the decision's.
    pub(crate) fn decides_on<R: Stored + Can<A>, A: Action>(&mut self) {
        self.names_a_record();
        self.read_rule = Some(Rule::of::<R, Read>());
        self.check_resolved::<R, A>();
    }

    /// What a segment of the path means, and its format (`uuid`), if it has one.
    pub fn segment(&mut self, name: &'static str, meaning: &'static str, format: &'static str) {
        let schema = match format {
            "" => json!({ "type": "string" }),
            format => json!({ "type": "string", "format": format }),
        };
        self.segments.push(Parameter { required: true, ..Parameter::optional(name, meaning, schema) });
    }

    /// The same of one that has these values and no others.
    pub fn segment_of(&mut self, name: &'static str, meaning: &'static str, values: &[&str]) {
        let schema = json!({ "type": "string", "enum": values });
        self.segments.push(Parameter { required: true, ..Parameter::optional(name, meaning, schema) });
    }

    /// The first of the values of a segment that has certain ones alone.
    pub(crate) fn only_value_of(&self, segment: &str) -> Option<&str> {
        self.segments.iter().find(|known| known.name == segment)?.schema.pointer("/enum/0")?.as_str()
    }

    /// The relations that the rule names are ones that the lookup resolves.
    fn check_resolved<R: Stored + Can<A>, A: Action>(&mut self) {
        let who = <R as Can<A>>::WHO;
        for relation in who.relations().map(|(relation, _)| relation).chain(who.state()) {
            if !R::RELATIONS.contains(&relation) || !R::RESOLVED.contains(&relation) {
                self.faults.push(format!(
                    "the policy names the relation {:?}, which a {} does not have: name it in \
                     Resource::RELATIONS and say in stored! what it means",
                    relation.name(),
                    R::NAME
                ));
            }
        }
    }

    /// The names of the members of the body.
    pub(crate) fn body_members(&self) -> Vec<String> {
        match self.body.as_ref().map(|body| &body.schema) {
            Some(schema) => self.members_of(schema, 0),
            None => Vec::new(),
        }
    }

    fn members_of(&self, schema: &RefOr<Schema>, depth: u8) -> Vec<String> {
        match schema {
            RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
            // A patch is often a name for the schema of what it patches.
            RefOr::Ref(reference) if depth < 4 => {
                let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
                let named = self.schemas.iter().find(|(known, _)| known == name);
                named.map(|(_, schema)| self.members_of(schema, depth + 1)).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// A reference to the schema of `T`, whose definition is kept.
    pub fn schema_of<T: ToSchema>(&mut self) -> RefOr<Schema> {
        T::schemas(&mut self.schemas);
        self.schemas.push((T::name().into_owned(), T::schema()));
        utoipa::openapi::Ref::from_schema_name(T::name()).into()
    }
}
