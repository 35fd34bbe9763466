//! `/audit` and `/users/{id}/audit`: who did, or was refused, what, on whose record.

use actix_web::HttpResponse;
use actix_web::http::header;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::audit_query::AuditQuery;
use super::audit_stream::Trail;
use crate::authz::action::{Action as _, List, ReadAudit};
use crate::authz::{Allowed, AuditTrail, Caller, Reach, actor_of};
use crate::domain::User;
use crate::http::kit::answer::{Answer, Page};
use crate::http::kit::argument::Argument;
use crate::http::kit::call::Call;
use crate::http::kit::cursor::CursorKey;
use crate::http::kit::description::{AnswerDescription, Description};
use crate::http::kit::list::PageQuery;
use crate::http::kit::problem::{Code, Problem};
use crate::http::kit::query::Query;
use crate::store::{Entry, EntryId, Store};

const NDJSON: &str = "application/x-ndjson";

/// A line of the audit trail.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditView {
    /// Ordered by time.
    id: Uuid,
    /// When.
    #[schema(format = "date-time")]
    at: String,
    /// `done`, `refused`, or `overflow` where there were too many to be written down.
    #[schema(examples("refused"))]
    outcome: String,
    /// Of a refusal: why, such as `not-owner`, `wrong-password` or `expired`.
    #[schema(required = true, examples("not-owner"))]
    reason: Option<String>,
    /// What was done, or was to be.
    #[schema(examples("delete"))]
    action: String,
    /// To what kind of record.
    #[schema(examples("user"))]
    resource: String,
    /// To which.
    #[schema(required = true, examples("019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17"))]
    record: Option<String>,
    /// Whose record it is; null where that is not known.
    #[schema(required = true)]
    owner: Option<Uuid>,
    /// Who: `user:<id>`, `client:<id>` or `operator`; null for somebody without an acceptable token,
    /// as at a login, and for the server itself.
    #[schema(required = true, examples("user:019ab1f7-2b11-7c90-8a4f-d3e5f7091b2c"))]
    actor: Option<String>,
    /// The client through which it came.
    #[schema(required = true, examples("cloakroom"))]
    client_id: Option<String>,
    /// The token's own id; told to who did it and to who reads everyone's.
    #[schema(required = true, examples("019ab1f7-3b00-7e55-a1c2-7f8091a2b3c4"))]
    jti: Option<String>,
    /// The address from which it came; told to who did it and to who reads everyone's.
    #[schema(required = true, examples("203.0.113.7"))]
    address: Option<String>,
    /// What the token carried; told to who did it and to who reads everyone's.
    #[schema(required = true, examples("users:read users:delete"))]
    scope: Option<String>,
    /// The method and the path of the route, with its parameters in braces.
    #[schema(required = true, examples("DELETE /users/{id}"))]
    route: Option<String>,
    /// The request, as its answer and the log know it.
    #[schema(required = true, examples("019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17"))]
    request_id: Option<String>,
    /// Of a refusal: the decision, as its answer named it.
    #[schema(required = true)]
    decision_id: Option<Uuid>,
    /// How many there were, where this line stands for several.
    count: i64,
}

impl AuditView {
    /// The line, with or without what tells of whoever did it.
    pub(super) fn of(entry: Entry, told: bool) -> Self {
        let inputs = entry.inputs();
        let is_refusal = entry.outcome == "refused";
        Self {
            id: entry.id.0,
            at: entry.at.to_string(),
            outcome: entry.outcome,
            reason: entry.reason,
            action: entry.action,
            resource: entry.resource,
            record: entry.record,
            owner: entry.owner_id.map(|id| id.0),
            actor: entry.actor,
            client_id: entry.client_id,
            jti: entry.jti.filter(|_| told),
            address: entry.address.filter(|_| told),
            scope: inputs.scope.filter(|_| told),
            route: inputs.route,
            request_id: entry.request_id,
            decision_id: is_refusal.then_some(entry.id.0),
            count: entry.count,
        }
    }
}

fn reads_everyones(by: &Caller, user: &Allowed<User, ReadAudit>) -> bool {
    user.rule().condition.anyone_scope().is_some_and(|scope| by.holds(scope))
}

/// `GET /users/{id}/audit`, newest first.
pub async fn of_user(
    user: Allowed<User, ReadAudit>,
    Query(query): Query<PageQuery>,
    cursors: CursorKey,
    store: Store,
) -> Result<Page<AuditView>, Problem> {
    let list = format!("{} {}", ReadAudit::NAME, user.id);
    let before = opened(&cursors, &list, query.cursor.as_deref())?;
    let entries = store.audit_of(&user, before, query.limit + 1).await?;
    let told = |entry: &Entry| {
        let own = entry.actor == Some(actor_of(user.id));
        own && user.is_own() || reads_everyones(user.by(), &user)
    };
    Ok(page(&cursors, &list, query.limit, entries, told))
}

/// `GET /audit`: everybody's, newest first; to who takes NDJSON, all of it in one answer.
pub async fn everybodys(
    reach: Reach<AuditTrail, List>,
    Query(query): Query<AuditQuery>,
    taken: Taken,
    cursors: CursorKey,
    store: Store,
) -> Result<AuditAnswer, Problem> {
    let before = opened(&cursors, &query.list, query.cursor.as_deref())?;
    if taken == Taken::Ndjson {
        return Ok(AuditAnswer::Stream(Box::new(Trail { reach, filter: query.filter, before, store })));
    }
    let entries = store.audit(&reach, query.filter, before, query.limit + 1).await?;
    Ok(AuditAnswer::Page(page(&cursors, &query.list, query.limit, entries, |_| true)))
}

fn opened(cursors: &CursorKey, list: &str, cursor: Option<&str>) -> Result<Option<EntryId>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let id = cursors.open::<Uuid>(list, cursor).map(EntryId);
    id.map(Some).ok_or_else(|| Problem::new(Code::InvalidCursor))
}

fn page(
    cursors: &CursorKey,
    list: &str,
    limit: u16,
    mut entries: Vec<Entry>,
    told: impl Fn(&Entry) -> bool,
) -> Page<AuditView> {
    let more = entries.len() > usize::from(limit);
    entries.truncate(limit.into());
    let last = entries.last().filter(|_| more).map(|entry| entry.id.0);
    let view = |entry| {
        let told = told(&entry);
        AuditView::of(entry, told)
    };
    Page { next: last.map(|id| cursors.seal(list, &id)), items: entries.into_iter().map(view).collect() }
}

/// In which form the trail is taken (RFC 9110 §12.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// In pages.
    Json,
    /// As a stream: a JSON object a line.
    Ndjson,
}

impl Argument for Taken {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let accepted = call.header(header::ACCEPT).unwrap_or_default();
        let names = accepted.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
        let ndjson = names.into_iter().any(|name| name.eq_ignore_ascii_case(NDJSON));
        Ok(if ndjson { Self::Ndjson } else { Self::Json })
    }
}

/// The trail, in pages or as a stream.
pub enum AuditAnswer {
    /// A page of it.
    Page(Page<AuditView>),
    /// All of it that is asked for.
    Stream(Box<Trail>),
}

impl Answer for AuditAnswer {
    fn respond(self, call: &Call) -> HttpResponse {
        let mut response = match self {
            Self::Page(page) => page.respond(call),
            Self::Stream(trail) => HttpResponse::Ok().content_type(NDJSON).streaming(trail.lines()),
        };
        response.headers_mut().insert(header::VARY, header::HeaderValue::from_static("Accept"));
        response
    }

    fn describe(description: &mut Description) {
        <Page<AuditView> as Answer>::describe(description);
        let schema = description.schema_of::<AuditView>();
        description.answers.push(AnswerDescription {
            status: 200,
            meaning: "A page of the trail; as a stream, an entry a line",
            content: Some((NDJSON, schema)),
            headers: &["Link", "Vary"],
        });
    }
}
