//! The audit trail: append-only. A deed is written in the transaction that does it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::authz::{Actor, AuditEvent, Caller, Outcome, Subject};
use crate::domain::{Time, UserId};
use crate::on;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::schema::audit;
use crate::store::shared::Shared;

/// Longer texts from outside are cut.
const MOST_CHARACTERS: usize = 200;

/// An entry's id: ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryId(pub Uuid);

crate::__stored_as_uid!(EntryId);

/// A line of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit, treat_none_as_default_value = false)]
pub struct Entry {
    /// Ordered by time; of a refusal it is the decision's id, as its answer told it.
    pub id: EntryId,
    /// When.
    pub at: Time,
    /// `done`, `refused` or `overflow`.
    pub outcome: String,
    /// Of a refusal: why.
    pub reason: Option<String>,
    /// What was done, or was to be.
    pub action: String,
    /// To what kind of record.
    pub resource: String,
    /// To which.
    pub record: Option<String>,
    /// Whose record it is.
    pub owner_id: Option<UserId>,
    /// Who: `user:<id>`, `client:<id>`, `operator`; none without an acceptable token.
    pub actor: Option<String>,
    /// The client that the token was issued to.
    pub client_id: Option<String>,
    /// The token.
    pub jti: Option<String>,
    /// The peer's address.
    pub address: Option<String>,
    /// The request, as its answer and the log know it.
    pub request_id: Option<String>,
    /// How many there were, where they were not written one by one.
    pub count: i64,
    /// What the decision went by: [`Inputs`], in JSON.
    pub inputs: Option<String>,
    /// Its place in the chain; none while it is not sealed.
    pub position: Option<i64>,
}

/// What a decision went by, besides who asked and for which record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// The method and the path of the route, with its parameters in braces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// What the token carried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The roles that the user had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

impl Entry {
    /// The event, as it happened at `at`.
    pub(in crate::store) fn of(event: &AuditEvent, id: Uuid, at: DateTime<Utc>) -> Self {
        let cut = |text: &str| text.chars().filter(|c| *c != '\0').take(MOST_CHARACTERS).collect::<String>();
        let (caller, origin) = (event.by.caller(), event.by.origin());
        let (outcome, reason, count) = match event.outcome {
            Outcome::Done => ("done", None, 1),
            Outcome::Removed(count) => ("done", None, count),
            Outcome::Refused(reason) => ("refused", Some(reason.as_str()), 1),
            Outcome::NotAcceptable(reason) => ("refused", Some(reason), 1),
            Outcome::WrongPassword => ("refused", Some("wrong-password"), 1),
            Outcome::Reused => ("refused", Some("reused"), 1),
            Outcome::Overflow(count) => ("overflow", None, count),
        };
        Self {
            id: EntryId(id),
            at: Time(at),
            outcome: outcome.to_owned(),
            reason: reason.map(str::to_owned),
            action: event.action.to_owned(),
            resource: event.resource.to_owned(),
            record: event.record.as_deref().map(cut),
            owner_id: event.owner,
            actor: caller.map(|caller| caller.subject().actor()).as_deref().map(cut),
            client_id: event.by.client_id().map(cut),
            jti: caller.and_then(|caller| caller.token().jti.as_deref()).map(cut),
            address: origin.and_then(|origin| origin.address).map(|address| address.to_string()),
            request_id: origin.and_then(|origin| origin.request_id.as_deref()).map(cut),
            count,
            inputs: Inputs::of(&event.by).and_then(|inputs| serde_json::to_string(&inputs).ok()),
            position: None,
        }
    }

    /// What the decision went by.
    pub fn inputs(&self) -> Inputs {
        self.inputs.as_deref().and_then(|inputs| serde_json::from_str(inputs).ok()).unwrap_or_default()
    }
}

impl Inputs {
    fn of(by: &Actor) -> Option<Self> {
        let roles = |caller: &Caller| match caller.subject() {
            Subject::User { roles, .. } => roles.iter().map(ToString::to_string).collect(),
            Subject::Client { .. } | Subject::Operator => Vec::new(),
        };
        let caller = by.caller().filter(|caller| *caller.subject() != Subject::Operator);
        let inputs = Self {
            route: by.origin().and_then(|origin| origin.route.as_deref()).map(str::to_owned),
            scope: caller.map(|caller| caller.scope().to_string()),
            roles: caller.map(roles).unwrap_or_default(),
        };
        (inputs != Self::default()).then_some(inputs)
    }
}

impl Shared {
    /// Writes an event down in the transaction that `conn` is in.
    pub(in crate::store) fn append_event(
        &self,
        conn: &mut Connection,
        event: &AuditEvent,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let entry = Entry::of(event, self.new_uuid(now)?, now);
        on!(conn, |c| diesel::insert_into(audit::table).values(&entry).execute(c))?;
        Ok(())
    }
}

pub(in crate::store) fn insert(conn: &mut Connection, entries: &[Entry]) -> Result<(), StoreError> {
    on!(conn, |c| diesel::insert_into(audit::table).values(entries).execute(c))?;
    Ok(())
}
