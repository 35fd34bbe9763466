//! The audit trail: append-only. A deed is written in the transaction that does it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::conn::Connection;
use super::error::StoreError;
use super::schema::audit;
use super::{Inner, Store};
use crate::authz::action::ReadAudit;
use crate::authz::{Allowed, Event, Outcome, Subject};
use crate::domain::{NoRandomness, Time, User, UserId};
use crate::on;

/// Longer texts from outside are cut.
const MOST_CHARACTERS: usize = 200;

/// An entry's id: ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryId(pub Uuid);

crate::__stored_as_uid!(EntryId);

/// A line of the audit trail.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit)]
pub struct Entry {
    /// Ordered by time.
    pub id: EntryId,
    /// When.
    pub at: Time,
    /// `done`, `refused` or `overflow`.
    pub outcome: String,
    /// Of a refusal: the step that decided.
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
    /// Of a refusal: the decision.
    pub decision_id: Option<EntryId>,
    /// How many there were, where they were not written one by one.
    pub count: i64,
}

impl Entry {
    /// The event, as it happened at `at`.
    pub(super) fn of(event: &Event, id: Uuid, at: DateTime<Utc>) -> Self {
        let cut = |text: &str| text.chars().filter(|c| *c != '\0').take(MOST_CHARACTERS).collect::<String>();
        let by = event.by.as_ref();
        let token = by.map(|caller| caller.token());
        let origin = by.map(|caller| caller.origin());
        let (outcome, reason, decision_id, count) = match event.outcome {
            Outcome::Done => ("done", None, None, 1),
            Outcome::Refused(reason, decision) => ("refused", Some(reason.as_str()), decision, 1),
            Outcome::WrongPassword => ("refused", Some("wrong-password"), None, 1),
            Outcome::Overflow(count) => ("overflow", None, None, count),
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
            actor: by.map(|caller| actor(caller.subject())).as_deref().map(cut),
            client_id: token.and_then(|token| token.client_id.as_deref()).map(cut),
            jti: token.and_then(|token| token.jti.as_deref()).map(cut),
            address: origin.and_then(|origin| origin.address).map(|address| address.to_string()),
            request_id: origin.and_then(|origin| origin.request_id.as_deref()).map(cut),
            decision_id: decision_id.map(EntryId),
            count,
        }
    }
}

fn actor(subject: &Subject) -> String {
    match subject {
        Subject::User { id, .. } => format!("user:{id}"),
        Subject::Client { id } => format!("client:{id}"),
        Subject::Operator => "operator".to_owned(),
    }
}

impl Inner {
    /// Writes an event down in the transaction that `conn` is in.
    pub(super) fn write_down(&self, conn: &mut Connection, event: &Event) -> Result<(), StoreError> {
        let now = self.surroundings.clock.now();
        insert(conn, &[Entry::of(event, self.surroundings.random.uuid_at(now)?, now)])
    }
}

fn insert(conn: &mut Connection, entries: &[Entry]) -> Result<(), StoreError> {
    on!(conn, |c| diesel::insert_into(audit::table).values(entries).execute(c))?;
    Ok(())
}

impl Store {
    /// An entry for an event that is not part of a transaction; it is written by
    /// [`Store::append_entries`].
    pub(crate) fn entry(&self, event: &Event) -> Result<Entry, NoRandomness> {
        let now = self.0.surroundings.clock.now();
        Ok(Entry::of(event, self.0.surroundings.random.uuid_at(now)?, now))
    }

    /// Appends entries.
    ///
    /// # Errors
    /// When the database is away; then none was written.
    pub(crate) async fn append_entries(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        self.write(None, move |conn, _| insert(conn, &entries)).await
    }

    /// The trail of what concerns a user, newest first: at most `limit` entries before `before`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn audit_of(
        &self,
        user: &Allowed<User, ReadAudit>,
        before: Option<EntryId>,
        limit: u16,
    ) -> Result<Vec<Entry>, StoreError> {
        let owner = user.id;
        self.read(move |conn| {
            Ok(on!(conn, DB, |c| {
                let mut entries = audit::table
                    .filter(audit::owner_id.eq(owner))
                    .order(audit::id.desc())
                    .limit(i64::from(limit))
                    .select(Entry::as_select())
                    .into_boxed::<DB>();
                if let Some(before) = before {
                    entries = entries.filter(audit::id.lt(before));
                }
                entries.load(c)
            })?)
        })
        .await
    }
}
