//! `/audit` and `/users/{id}/audit`: the audit trail.

use actix_web::HttpResponse;
use actix_web::http::header;
use uuid::Uuid;

use super::audit_query::AuditQuery;
use super::audit_representation::AuditView;
use super::audit_stream::Trail;
use crate::authz::action::{Action as _, List, ReadAudit};
use crate::authz::{Allowed, AuditTrail, Caller, Reach, actor_of};
use crate::domain::User;
use crate::http::kit::{
    Answer, AnswerDescription, Argument, Call, Code, CursorKey, Description, Page, PageQuery, Problem, Query,
};
use crate::store::{AuditPage, Entry, EntryId, Store};

const NDJSON: &str = "application/x-ndjson";

fn may_read_every_trail(by: &Caller, user: &Allowed<User, ReadAudit>) -> bool {
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
    let before = position(&cursors, &list, query.cursor.as_deref())?;
    let read = store.audit_of(&user, before, query.limit).await?;
    let with_details = |entry: &Entry| {
        let own = entry.actor == Some(actor_of(user.id));
        own && user.is_own() || may_read_every_trail(user.by(), &user) || fault!(audit_details_told)
    };
    Ok(page(&cursors, &list, read, with_details))
}

/// `GET /audit`: the trail of all users, newest first. A client that accepts NDJSON gets the whole trail in
/// one response.
pub async fn of_all(
    reach: Reach<AuditTrail, List>,
    Query(query): Query<AuditQuery>,
    format: TrailFormat,
    cursors: CursorKey,
    store: Store,
) -> Result<AuditAnswer, Problem> {
    let before = position(&cursors, &query.list, query.cursor.as_deref())?;
    if format == TrailFormat::Ndjson {
        return Ok(AuditAnswer::Stream(Box::new(Trail { reach, filter: query.filter, before, store })));
    }
    let read = store.audit(&reach, query.filter, before, query.limit).await?;
    Ok(AuditAnswer::Page(page(&cursors, &query.list, read, |_| true)))
}

fn position(cursors: &CursorKey, list: &str, cursor: Option<&str>) -> Result<Option<EntryId>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let id = cursors.open::<Uuid>(list, cursor).map(EntryId);
    id.map(Some).ok_or_else(|| Problem::new(Code::InvalidCursor))
}

fn page(
    cursors: &CursorKey,
    list: &str,
    read: AuditPage,
    with_details: impl Fn(&Entry) -> bool,
) -> Page<AuditView> {
    let view = |entry| {
        let with_details = with_details(&entry);
        AuditView::of(entry, with_details)
    };
    let next = read.next.map(|id| cursors.seal(list, &id.0));
    Page { next, items: read.entries.into_iter().map(view).collect() }
}

/// Format of the trail, by the `Accept` header (RFC 9110 §12.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailFormat {
    /// Pages.
    Json,
    /// A stream with one JSON object on each line.
    Ndjson,
}

impl Argument for TrailFormat {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let accepted = call.header(header::ACCEPT).unwrap_or_default();
        let names = accepted.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
        let ndjson = names.into_iter().any(|name| name.eq_ignore_ascii_case(NDJSON));
        Ok(if ndjson { Self::Ndjson } else { Self::Json })
    }
}

/// Response with the trail, as a page or as a stream.
pub enum AuditAnswer {
    /// A page.
    Page(Page<AuditView>),
    /// All requested entries.
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
            meaning: "A page of the trail; as NDJSON, all entries, one on each line",
            content: Some((NDJSON, schema)),
            headers: &["Link", "Vary"],
        });
    }
}
