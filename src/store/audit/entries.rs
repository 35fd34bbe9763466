//! Entries of the audit trail. The trail is append-only; a change and its entry share a transaction.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::authz::{Actor, AuditEvent, Caller, Outcome, Subject};
use crate::domain::{Time, UserId, mask_addresses};
use crate::store::engine::schema::audit;

/// Length limit of a text from a request, in characters. Longer texts are truncated.
const MOST_CHARACTERS: usize = 200;

/// Id of an audit entry, a UUID that sorts by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId(pub Uuid);

crate::__stored_as_uid!(EntryId);

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit, treat_none_as_default_value = false)]
pub struct Entry {
    /// Sorts by time. Of a refusal it is the decision's id, which the response contains.
    pub id: EntryId,
    /// Time of the event.
    pub at: Time,
    /// `done`, `refused` or `overflow`.
    pub outcome: String,
    /// Reason of a refusal, or the kind of what was done.
    pub reason: Option<String>,
    /// The action, done or refused.
    pub action: String,
    /// Kind of the record.
    pub resource: String,
    /// Id of the record.
    pub record: Option<String>,
    /// Owner of the record.
    pub owner_id: Option<UserId>,
    /// The caller: `user:<id>`, `client:<id>`, `system:<name>` or `operator`; none without a valid token.
    pub actor: Option<String>,
    /// Client of the token.
    pub client_id: Option<String>,
    /// `jti` of the token.
    pub jti: Option<String>,
    /// Client IP address. A personal member: in the database it is a digest, and the address is sealed in `inputs`.
    pub address: Option<String>,
    /// Request id, which the response and the log contain.
    pub request_id: Option<String>,
    /// Number of events that this entry stands for.
    pub count: i64,
    /// [`Inputs`] of the decision, in JSON. A personal member: in the database it is sealed.
    pub inputs: Option<String>,
    /// Position in the hash chain; none until the entry is sealed.
    pub position: Option<i64>,
}

/// Inputs of a decision, besides the caller and the record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// Method and path template of the route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Scope of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Roles of the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Query of a list of others' records, without the cursor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Number of records that a list showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<usize>,
    /// Time of the first refusal that a count stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Time>,
    /// Time of the last refusal that a count stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Time>,
}

impl Entry {
    /// Creates the entry of an event at `at`.
    pub(in crate::store) fn of(event: &AuditEvent, id: Uuid, at: DateTime<Utc>) -> Self {
        let (caller, origin) = (event.by.caller(), event.by.origin());
        let (outcome, reason, count) = match event.outcome {
            Outcome::Done => ("done", None, 1),
            Outcome::Removed(count) | Outcome::Resealed(count) => ("done", None, count),
            Outcome::Refused(reason) => ("refused", Some(reason.as_str()), 1),
            Outcome::NotAcceptable(reason) => ("refused", Some(reason), 1),
            Outcome::WrongPassword => ("refused", Some("wrong-password"), 1),
            Outcome::Repeated => ("done", Some("repeated"), 1),
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
            // The path of an explained request is typed.
            record: event.record.as_deref().map(mask_addresses).as_deref().map(cut),
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

    /// Adds inputs that the event does not have.
    pub(in crate::store) fn with_inputs(self, add: impl FnOnce(&mut Inputs)) -> Self {
        let mut inputs = self.inputs();
        add(&mut inputs);
        inputs.query = inputs.query.as_deref().map(cut);
        Self { inputs: serde_json::to_string(&inputs).ok(), ..self }
    }

    /// Returns the inputs of the decision.
    pub fn inputs(&self) -> Inputs {
        self.inputs.as_deref().and_then(|inputs| serde_json::from_str(inputs).ok()).unwrap_or_default()
    }
}

impl Inputs {
    fn of(by: &Actor) -> Option<Self> {
        let roles = |caller: &Caller| match caller.subject() {
            Subject::User { roles, .. } => roles.iter().map(ToString::to_string).collect(),
            Subject::Client { .. } | Subject::System { .. } | Subject::Operator => Vec::new(),
        };
        let caller = by.caller().filter(|caller| *caller.subject() != Subject::Operator);
        let inputs = Self {
            route: by.origin().and_then(|origin| origin.route.as_deref()).map(str::to_owned),
            scope: caller.map(|caller| caller.scope().to_string()),
            roles: caller.map(roles).unwrap_or_default(),
            ..Self::default()
        };
        (inputs != Self::default()).then_some(inputs)
    }
}

/// Returns the beginning of a text from outside of this program.
pub(in crate::store) fn cut(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(MOST_CHARACTERS).collect()
}
