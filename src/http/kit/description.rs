//! Description of a route by the types of its handler, for the OpenAPI document and for the tests that walk
//! the routes.

use std::any::TypeId;
use std::borrow::Cow;

use serde_json::{Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::problem_code::Code;
use super::{Named, PathId, PathSegments};
use crate::authz::action::{Action, Read};
use crate::authz::{Can, Member, OwnerFrom, Resource, Rule};
use crate::store::{DeclaredTable, Stored};

/// Description of a route by the types of its handler.
#[derive(Default)]
pub struct Description {
    /// The body of the request.
    pub body: Option<BodyDescription>,
    /// Set when the body may be left out.
    pub body_is_optional: bool,
    /// The parameters of its query.
    pub parameters: Vec<Parameter>,
    /// The successful responses.
    pub answers: Vec<AnswerDescription>,
    /// The problems.
    pub problems: Vec<Code>,
    /// Set when the route has a rate limit, which the response headers describe.
    pub limited: bool,
    /// The request headers that the route reads, except those that authenticate the caller.
    pub request_headers: Vec<Parameter>,
    /// The referenced schemas, by name.
    pub schemas: Vec<(String, RefOr<Schema>)>,
    /// The segments of its path.
    pub segments: Vec<Parameter>,
    /// The segment with the record's own id, where the path names its owner too.
    pub own_segment: Option<Cow<'static, str>>,
    /// The rule for reading the record that the path names. It decides which callers may know that the record
    /// exists.
    pub read_rule: Option<&'static Rule>,
    /// The members of that record with rules of their own.
    pub members: &'static [Member],
    /// The members of the representation of a record, where the route answers with one.
    pub shown: Vec<String>,
    /// The members by which a list is filtered or sorted.
    pub selects_by: Vec<&'static str>,
    /// The settings of the application that the handler uses.
    pub settings: Vec<(TypeId, &'static str)>,
    /// The state of the application that the handler uses.
    pub states: Vec<(TypeId, &'static str)>,
    /// The table of the record that the decision looks up.
    pub(crate) table: Option<fn() -> DeclaredTable>,
    /// Mistakes in the route that the compiler cannot find.
    pub faults: Vec<String>,
}

/// The body of a route: its schema, its media type and a valid example.
pub trait BodyType: ToSchema + 'static {
    /// The media type; JSON unless the method is PATCH (RFC 7396).
    const MEDIA_TYPE: &'static str = "application/json";

    /// Returns a body that the route accepts, for its documentation and for its tests.
    fn example() -> Value;
}

/// Description of a body.
pub struct BodyDescription {
    /// Its media type.
    pub media_type: &'static str,
    /// Its schema.
    pub schema: RefOr<Schema>,
    /// A valid example. Null for a body that is not text.
    pub example: Value,
    /// A valid example as it is sent, for a body that is not text.
    pub(crate) sent: Option<SentExample>,
    /// The media types of the parts of a form, as `encoding` of the OpenAPI document.
    pub(crate) encoding: Value,
}

/// An example of a body as it is sent.
pub(crate) struct SentExample {
    /// The media type, with its parameters.
    pub(crate) media_type: &'static str,
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
}

impl BodyDescription {
    /// Describes a body without an example.
    pub(crate) fn of(media_type: &'static str, schema: RefOr<Schema>) -> Self {
        Self { media_type, schema, example: Value::Null, sent: None, encoding: Value::Null }
    }
}

/// A parameter of the query, or a header of the request.
pub struct Parameter {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its meaning.
    pub meaning: Cow<'static, str>,
    /// Its JSON schema.
    pub schema: Value,
    /// Set when it is required.
    pub required: bool,
}

impl Parameter {
    /// Makes a parameter that may be left out.
    pub fn optional(name: &'static str, meaning: &'static str, schema: Value) -> Self {
        Self { name: name.into(), meaning: meaning.into(), schema, required: false }
    }

    /// Makes a parameter that is required. Its schema has an example, with which the tests send a request.
    pub fn required(name: &'static str, meaning: &'static str, schema: Value) -> Self {
        Self { required: true, ..Self::optional(name, meaning, schema) }
    }

    /// Returns a valid value: the first example of the schema, its default, or its first allowed value.
    pub(crate) fn example(&self) -> Option<String> {
        let example = ["/examples/0", "/default", "/enum/0"].iter().find_map(|at| self.schema.pointer(at))?;
        Some(example.as_str().map_or_else(|| example.to_string(), str::to_owned))
    }

    /// Returns the members of an object as parameters.
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

/// Description of a successful response.
pub struct AnswerDescription {
    /// Its status.
    pub status: u16,
    /// Its meaning.
    pub meaning: &'static str,
    /// Its media type and schema, if it has a body.
    pub content: Option<(&'static str, RefOr<Schema>)>,
    /// Its own headers.
    pub headers: &'static [&'static str],
}

impl Description {
    /// Adds the body, which has this type.
    pub fn takes_body<T: BodyType>(&mut self) {
        let schema = self.schema_of::<T>();
        self.takes_bytes(BodyDescription {
            example: T::example(),
            ..BodyDescription::of(T::MEDIA_TYPE, schema)
        });
        self.problems.push(Code::InvalidBody);
    }

    /// Adds the body, which has this description.
    pub(crate) fn takes_bytes(&mut self, body: BodyDescription) {
        self.body = Some(body);
        self.problems.extend([
            Code::MalformedBody,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::RequestTimeout,
        ]);
    }

    /// Adds the problem of a path that names a record: the record may not exist.
    pub fn names_a_record(&mut self) {
        self.problems.push(Code::NotFound);
    }

    /// Adds the record that the path names and that the decision looks up.
    pub(crate) fn decides_on<R: Stored + Can<A>, A: Action>(&mut self) {
        self.names_a_record();
        self.read_rule = Some(Rule::of::<R, Read>());
        self.table = R::TABLE;
        self.members = R::MEMBERS;
        self.check_resolved::<R, A>();
    }

    /// Checks that an id tells the owner where the URL names them: otherwise it is read from another record's segment,
    /// and the refusal does not precede the look-up.
    pub(crate) fn check_owner_in_url<R: Resource>(&mut self)
    where
        R::Id: PathId,
    {
        if R::OWNER != OwnerFrom::Url {
            return;
        }
        let mut of_id = Description::default();
        R::Id::describe(&mut of_id);
        let names = of_id.segments.iter().filter_map(|segment| match &segment.name {
            Cow::Borrowed(name) => Some(*name),
            Cow::Owned(_) => None,
        });
        let values = (1_u128..).map(|number| Uuid::from_u128(number).to_string());
        let captured: Vec<(&'static str, String)> = names.zip(values).collect();
        let Named::Record(id) = R::Id::from_path(&PathSegments::of(&captured), None) else { return };
        let user = captured.iter().find(|(name, _)| *name == "id").map(|(_, value)| value.as_str());
        let owner = R::owner_by_id(&id).map(|owner| owner.to_string());
        if owner.is_none() || owner.as_deref() != user {
            self.faults.push(format!(
                "the owner of a {} is in its URL, but its id does not tell them: make the id an OwnedId, and return its \
                 user from Resource::owner_by_id; or set Resource::OWNER to OwnerFrom::Record",
                R::NAME
            ));
        }
    }

    /// Keeps the members of a representation, for the check that each rule is about one of them.
    pub(crate) fn shows<T: PartialSchema>(&mut self) {
        if let RefOr::T(Schema::Object(object)) = T::schema() {
            self.shown = object.properties.keys().cloned().collect();
        }
    }

    /// Adds a segment of the path, with its format (`uuid`) or an empty text.
    pub fn segment(&mut self, name: &'static str, meaning: &'static str, format: &'static str) {
        let schema = match format {
            "" => json!({ "type": "string" }),
            format => json!({ "type": "string", "format": format }),
        };
        self.segments.push(Parameter { required: true, ..Parameter::optional(name, meaning, schema) });
    }

    /// Adds a segment of the path that has one of these values.
    pub fn segment_of(&mut self, name: &'static str, meaning: &'static str, values: &[&str]) {
        let schema = json!({ "type": "string", "enum": values });
        self.segments.push(Parameter { required: true, ..Parameter::optional(name, meaning, schema) });
    }

    /// Returns the first value of a segment with a fixed set of values.
    pub(crate) fn first_value_of(&self, segment: &str) -> Option<&str> {
        self.segments.iter().find(|known| known.name == segment)?.schema.pointer("/enum/0")?.as_str()
    }

    /// Checks that the lookup resolves every relation of the rule.
    fn check_resolved<R: Stored + Can<A>, A: Action>(&mut self) {
        let condition = <R as Can<A>>::CONDITION;
        for relation in condition.relations().map(|(relation, _)| relation).chain(condition.states()) {
            if !R::RELATIONS.contains(&relation) || !R::RESOLVED.contains(&relation) {
                self.faults.push(format!(
                    "the policy names the relation {:?}, which a {} does not have: add it to \
                     Resource::RELATIONS and define it in stored!",
                    relation.name(),
                    R::NAME
                ));
            }
        }
    }

    /// Returns the names of the body's members.
    pub(crate) fn body_members(&self) -> Vec<String> {
        match self.body.as_ref().map(|body| &body.schema) {
            Some(schema) => self.members_of(schema, 0),
            None => Vec::new(),
        }
    }

    fn members_of(&self, schema: &RefOr<Schema>, depth: u8) -> Vec<String> {
        match schema {
            RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
            // The schema of a patch is often a reference to the schema of the patched record.
            RefOr::Ref(reference) if depth < 4 => {
                let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
                let named = self.schemas.iter().find(|(known, _)| known == name);
                named.map(|(_, schema)| self.members_of(schema, depth + 1)).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// Adds the schema of `T`, and returns a reference to it.
    pub fn schema_of<T: ToSchema>(&mut self) -> RefOr<Schema> {
        T::schemas(&mut self.schemas);
        self.schemas.push((T::name().into_owned(), T::schema()));
        utoipa::openapi::Ref::from_schema_name(T::name()).into()
    }
}
