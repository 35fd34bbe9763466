//! Representation of entries of the audit trail.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::Entry;

/// An entry of the audit trail.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditView {
    /// The entry's id. Ids are ordered by time.
    id: Uuid,
    /// The time of the event.
    #[schema(format = "date-time")]
    at: String,
    /// `done`, `refused`, or `overflow` for refusals of this caller that were counted only, because there
    /// were too many.
    #[schema(examples("refused"))]
    outcome: String,
    /// The reason of a refusal, such as `not-owner`, `wrong-password` or `expired`. `repeated` when a client repeated
    /// the last exchange of a refresh token.
    #[schema(required = true, examples("not-owner"))]
    reason: Option<String>,
    /// The action.
    #[schema(examples("delete"))]
    action: String,
    /// The kind of record.
    #[schema(examples("user"))]
    resource: String,
    /// The record's id.
    #[schema(required = true, examples("019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17"))]
    record: Option<String>,
    /// The record's owner; null when unknown.
    #[schema(required = true)]
    owner: Option<Uuid>,
    /// The caller: `user:<id>`, `client:<id>` or `operator`. Null for a caller without a valid token, as at a
    /// login, and for the server itself.
    #[schema(required = true, examples("user:019ab1f7-2b11-7c90-8a4f-d3e5f7091b2c"))]
    actor: Option<String>,
    /// The roles of the caller, if it is a user.
    #[schema(examples("user"))]
    actor_roles: Vec<String>,
    /// The client that sent the request.
    #[schema(required = true, examples("cloakroom"))]
    client_id: Option<String>,
    /// The token's id. Only the caller of the event and callers that may read every user's trail see it.
    #[schema(required = true, examples("019ab1f7-3b00-7e55-a1c2-7f8091a2b3c4"))]
    jti: Option<String>,
    /// The client's IP address. Only the caller of the event and callers that may read every user's trail see
    /// it.
    #[schema(required = true, examples("203.0.113.7"))]
    address: Option<String>,
    /// The token's scope. Only the caller of the event and callers that may read every user's trail see it.
    #[schema(required = true, examples("users:read users:delete"))]
    scope: Option<String>,
    /// The method and the path of the route, with its parameters in braces.
    #[schema(required = true, examples("DELETE /users/{id}"))]
    route: Option<String>,
    /// The request's id, as in the response and in the log.
    #[schema(required = true, examples("019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17"))]
    request_id: Option<String>,
    /// The decision's id, as in the response; for refusals only.
    #[schema(required = true)]
    decision_id: Option<Uuid>,
    /// The number of events that this entry stands for.
    count: i64,
    /// The time of the first event that an entry with the outcome `overflow` counts.
    #[schema(required = true, format = "date-time")]
    first_at: Option<String>,
    /// The time of the last event that an entry with the outcome `overflow` counts.
    #[schema(required = true, format = "date-time")]
    last_at: Option<String>,
    /// The query of a list that reached records of others. Only the caller of the event and callers that may
    /// read every user's trail see it.
    #[schema(required = true, examples("q=ada&limit=50"))]
    query: Option<String>,
    /// The number of records that the list showed; null for a single record and for a stream.
    #[schema(required = true, examples(2))]
    shown: Option<usize>,
    /// True if the address, the roles, the scope, the route and the query were erased, because the account of the
    /// user whom they are about was deleted.
    erased: bool,
}

impl AuditView {
    /// Returns the representation of an entry, with the details of its caller or without.
    pub(super) fn of(entry: Entry, with_details: bool) -> Self {
        let (inputs, erased) = (entry.inputs(), entry.is_erased());
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
            actor_roles: inputs.roles,
            client_id: entry.client_id,
            jti: entry.jti.filter(|_| with_details),
            address: entry.address.filter(|_| with_details),
            scope: inputs.scope.filter(|_| with_details),
            route: inputs.route,
            request_id: entry.request_id,
            decision_id: is_refusal.then_some(entry.id.0),
            count: entry.count,
            first_at: inputs.first_at.map(|at| at.to_string()),
            last_at: inputs.last_at.map(|at| at.to_string()),
            query: inputs.query.filter(|_| with_details),
            shown: inputs.shown,
            erased,
        }
    }
}
