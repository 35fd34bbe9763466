//! Representations of records: the members that the caller may read, and `_actions`.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::header;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::actions::Written;
use super::answer::{entity_tag, page, versioned};
use super::{Answer, Call, Description, Page, Problem, answers_json};
use crate::authz::action::Action;
use crate::authz::{Allowed, Caller, Can, Member, Reach, RecordAttributes, RelationSet, Resource, Rule};
use crate::store::{Repository, Store, UserCount};

/// JSON representation of a kind of record. A type with `ToSchema` and [`stored!`](crate::stored) has one already.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON representation",
    label = "derive `serde::Serialize` and `utoipa::ToSchema`, and declare it with `stored!`"
)]
pub trait View: Resource {
    /// The schema of [`View::view`].
    type Json: ToSchema;

    /// Returns the representation without `_actions`.
    fn view(&self) -> impl Serialize;

    /// Set when a list of such records can say how many it has.
    const IS_COUNTED: bool = false;

    /// Returns the version, which [`IfMatch`](crate::http::IfMatch) compares.
    fn revision(&self) -> i64;
}

#[diagnostic::do_not_recommend]
impl<R: Repository + ToSchema> View for R {
    type Json = R;

    fn view(&self) -> impl Serialize {
        self.members()
    }

    fn revision(&self) -> i64 {
        Repository::revision(self)
    }
}

/// 200 with a record: the members that the caller may read, `_actions`, and an `ETag`. The route supports
/// `If-None-Match`.
///
/// ```
/// # use cloakroom::{authz::{Allowed, action::Read}, domain::User, http::{Problem, Shown}};
/// async fn read(user: Allowed<User, Read>) -> Result<Shown<User>, Problem> {
///     Ok(user.into())
/// }
/// ```
pub struct Shown<R> {
    record: R,
    held: RelationSet,
    by: Option<Caller>,
}

/// 201 with the new record, its `ETag` and its `Location`.
pub struct Created<R>(Shown<R>);

/// 200 with a page of a list: the records, each with `_actions`, and the cursor of the next page.
pub struct Listed<R> {
    records: Vec<(R, RelationSet)>,
    by: Caller,
    next: Option<String>,
    count: Option<UserCount>,
}

impl<R: Resource, A> From<Allowed<R, A>> for Shown<R> {
    fn from(allowed: Allowed<R, A>) -> Self {
        let (record, by, held) = allowed.into_parts();
        Self { record, held, by: Some(by) }
    }
}

impl<R> Shown<R> {
    /// Makes the response with a record of a kind without relations, for the caller `by`. Without a caller,
    /// `_actions` is empty.
    pub(crate) fn to(record: R, by: Option<Caller>) -> Self {
        Self { record, held: RelationSet::NONE, by }
    }

    /// Makes it a 201. The record's URL is the path of the request and the record's id.
    pub fn created(self) -> Created<R> {
        Created(self)
    }
}

impl<R> Listed<R> {
    /// Makes a page of records of a kind without relations, for the caller `by`.
    pub(crate) fn new(records: Vec<R>, by: Caller, next: Option<String>) -> Self {
        let records = records.into_iter().map(|record| (record, RelationSet::NONE)).collect();
        Self { records, by, next, count: None }
    }

    /// Adds the number of records of the list.
    pub(crate) fn counted(self, count: Option<UserCount>) -> Self {
        Self { count, ..self }
    }

    /// Makes a page of records, each with the relations that the caller `by` has to it.
    pub(crate) fn with_relations(records: Vec<(R, RelationSet)>, by: Caller, next: Option<String>) -> Self {
        Self { records, by, next, count: None }
    }
}

impl<R: Repository> Listed<R> {
    /// Makes a page of the records with these ids, in their order, that are within reach: for a query of your own that
    /// selects the ids. A record that is out of reach is left out, whatever the query selects. `next` is the cursor of
    /// the next page ([`Paging::cursor`](super::Paging::cursor)).
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn of<A: Action>(
        reach: Reach<R, A>,
        ids: Vec<R::Id>,
        next: Option<String>,
        store: &Store,
    ) -> Result<Self, Problem>
    where
        R: Can<A>,
    {
        let records = store.among(&reach, ids).await?;
        Ok(Self::with_relations(records, reach.by().clone(), next))
    }
}

/// A record with the actions of the caller.
#[derive(Serialize)]
struct WithActions<'a, T> {
    #[serde(flatten)]
    view: T,
    _actions: Written<'a>,
}

fn json<R: View>(call: &Call, record: &R, held: RelationSet, by: Option<&Caller>) -> Vec<u8> {
    let services = call.services();
    let shown = WithActions { view: record.view(), _actions: services.actions.on(record, held, by) };
    let attributes = RecordAttributes::of(record, held);
    let may_read = |rule: &'static Rule| {
        by.is_some_and(|by| rule.permits(by, attributes)) || fault!(member_shown_to_all)
    };
    let mut hidden = R::MEMBERS
        .iter()
        .filter(|member| member.read_rule().is_some_and(|rule| !may_read(rule)))
        .map(Member::name)
        .peekable();
    if hidden.peek().is_none() {
        return serde_json::to_vec(&shown).unwrap_or_default();
    }
    let mut members = match serde_json::to_value(&shown) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    hidden.for_each(|name| {
        members.shift_remove(name);
    });
    serde_json::to_vec(&members).unwrap_or_default()
}

impl<R: View> Shown<R> {
    /// Returns the JSON.
    pub(crate) fn json(&self, call: &Call) -> Vec<u8> {
        json(call, &self.record, self.held, self.by.as_ref())
    }

    /// Returns the `ETag` of this JSON.
    pub(crate) fn entity_tag(&self, json: &[u8]) -> String {
        entity_tag(self.record.revision(), json)
    }

    /// Returns the URL of a record that was created at the path of the request.
    pub(crate) fn location(&self, call: &Call) -> String {
        format!("{}{}/{}", call.services().issuer_url, call.request().path(), self.record.id())
    }
}

impl<R: View> Answer for Shown<R> {
    fn respond(self, call: &Call) -> HttpResponse {
        let body = self.json(call);
        versioned(call, self.record.revision(), body)
    }

    fn describe(description: &mut Description) {
        description.shows::<R::Json>();
        answers_json::<ShownSchema<R>>(description, 200, "The record", &["ETag"]);
    }
}

impl<R: View> Answer for Created<R> {
    fn respond(self, call: &Call) -> HttpResponse {
        let body = self.0.json(call);
        HttpResponse::Created()
            .insert_header((header::ETAG, self.0.entity_tag(&body)))
            .insert_header((header::LOCATION, self.0.location(call)))
            .content_type("application/json")
            .body(body)
    }

    fn describe(description: &mut Description) {
        description.shows::<R::Json>();
        answers_json::<ShownSchema<R>>(description, 201, "The new record", &["ETag", "Location"]);
    }
}

impl<R: View> Answer for Listed<R> {
    fn respond(self, call: &Call) -> HttpResponse {
        call.shows(&self.records, &self.by);
        let mut body = b"{\"items\":[".to_vec();
        for (index, (record, held)) in self.records.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend(json(call, record, *held, Some(&self.by)));
        }
        body.extend(b"],\"next\":");
        body.extend(serde_json::to_vec(&self.next).unwrap_or_default());
        if let Some(UserCount { count, is_capped }) = self.count {
            body.extend(format!(",\"count\":{count},\"count_is_capped\":{is_capped}").bytes());
        }
        body.push(b'}');
        page(call, self.next.as_deref(), body)
    }

    fn describe(description: &mut Description) {
        description.shows::<R::Json>();
        description.schema_of::<ShownSchema<R>>();
        answers_json::<Page<ShownSchema<R>>>(description, 200, "A page of the list", &["Link"]);
        let name = Page::<ShownSchema<R>>::name();
        let page = description.schemas.iter_mut().filter(|(known, _)| R::IS_COUNTED && *known == name);
        page.for_each(|(_, schema)| add_count(schema));
    }
}

/// Schema of a representation: that of the record, and `_actions`. A member that only some callers may read
/// is not required.
#[derive(Serialize)]
pub(crate) struct ShownSchema<R>(std::marker::PhantomData<R>);

impl<R: View> PartialSchema for ShownSchema<R> {
    fn schema() -> RefOr<Schema> {
        let mut schema = R::Json::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            add_actions(object, R::NAME);
            object.required.retain(|name| {
                R::MEMBERS.iter().all(|member| member.name() != name || member.read_rule().is_none())
            });
        }
        schema
    }
}

impl<R: View> ToSchema for ShownSchema<R> {
    fn name() -> Cow<'static, str> {
        R::Json::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        R::Json::schemas(schemas);
    }
}

fn add_count(page: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(object)) = page else { return };
    let count = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .maximum(Some(10_000))
        .description(Some("The number of records in the list; with `count=true`"));
    let is_capped = ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .description(Some("True when there can be more than `count`; with `count=true`"));
    object.properties.insert("count".to_owned(), count.into());
    object.properties.insert("count_is_capped".to_owned(), is_capped.into());
}

/// Member of the schema of `_actions` with the kind of record, until the document has the names of its actions.
pub(crate) const ACTIONS_OF: &str = "x-actions-of";

fn add_actions(object: &mut Object, kind: &str) {
    let mut actions = Object::new();
    actions.description =
        Some("The actions of the caller on this record, each with the members that it may write.".to_owned());
    actions.extensions = Some(ExtensionsBuilder::new().add(ACTIONS_OF, kind).build());
    object.properties.insert("_actions".to_owned(), actions.into());
    object.required.push("_actions".to_owned());
}
