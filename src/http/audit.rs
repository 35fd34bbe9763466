//! `/users/{id}/audit`: who did, or was refused, what on a user's records.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::Page;
use super::list::PageQuery;
use super::problem::{Code, Problem};
use super::query::Query;
use super::services::Services;
use crate::authz::action::{Action as _, ReadAudit};
use crate::authz::{Allowed, Caller};
use crate::domain::User;
use crate::store::{Entry, EntryId};

/// A line of the audit trail.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditView {
    /// Ordered by time.
    id: Uuid,
    /// When.
    #[schema(format = "date-time")]
    at: String,
    /// `done` or `refused`.
    outcome: String,
    /// Of a refusal: the step that decided, such as `not-owner`, or `wrong-password`.
    reason: Option<String>,
    /// What was done, or was to be.
    action: String,
    /// To what kind of record.
    resource: String,
    /// To which.
    record: Option<String>,
    /// Who: `user:<id>`, `client:<id>` or `operator`; null for somebody without an acceptable token,
    /// as at a login.
    actor: Option<String>,
    /// The client through which it came.
    client_id: Option<String>,
    /// The token's own id; told to who did it and to who reads everyone's.
    jti: Option<String>,
    /// The peer's address; told to who did it and to who reads everyone's.
    address: Option<String>,
    /// The request, as its answer and the log know it.
    request_id: Option<String>,
    /// Of a refusal: the decision.
    decision_id: Option<Uuid>,
}

impl AuditView {
    fn of(entry: Entry, user: &Allowed<User, ReadAudit>) -> Self {
        let own = entry.actor.as_deref() == Some(&format!("user:{}", user.id));
        let told = own && user.is_own() || reads_everyones(user.by(), user);
        Self {
            id: entry.id.0,
            at: entry.at.to_string(),
            outcome: entry.outcome,
            reason: entry.reason,
            action: entry.action,
            resource: entry.resource,
            record: entry.record,
            actor: entry.actor,
            client_id: entry.client_id,
            jti: entry.jti.filter(|_| told),
            address: entry.address.filter(|_| told),
            request_id: entry.request_id,
            decision_id: entry.decision_id.map(|id| id.0),
        }
    }
}

fn reads_everyones(by: &Caller, user: &Allowed<User, ReadAudit>) -> bool {
    user.rule().who.anyone_scope().is_some_and(|scope| by.holds(scope))
}

/// `GET /users/{id}/audit`, newest first.
pub async fn list(
    user: Allowed<User, ReadAudit>,
    Query(query): Query<PageQuery>,
    services: Arc<Services>,
) -> Result<Page<AuditView>, Problem> {
    let list = format!("{} {}", ReadAudit::NAME, user.id);
    let before = match query.cursor {
        None => None,
        Some(cursor) => {
            let id = services.cursors.open::<Uuid>(&list, &cursor).map(EntryId);
            Some(id.ok_or_else(|| Problem::new(Code::InvalidCursor))?)
        }
    };
    let limit = usize::from(query.limit);
    let mut entries = services.store.audit_of(&user, before, query.limit + 1).await?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let last = entries.last().filter(|_| more).map(|entry| entry.id.0);
    Ok(Page {
        next: last.map(|id| services.cursors.seal(&list, &id)),
        items: entries.into_iter().map(|entry| AuditView::of(entry, &user)).collect(),
    })
}
