//! Queries of the audit trail.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::entries::{insert, insert_one};
use crate::authz::action::{Explain, List, ReadAudit};
use crate::authz::{Allowed, AuditEvent, AuditTrail, Explanation, Reach};
use crate::domain::{NoRandomness, Time, User, UserId};
use crate::on;
use crate::store::engine::schema::audit;
use crate::store::shared::Shared;
use crate::store::{Connection, Entry, EntryId, Store, StoreError, TrustedStore};

/// Filter of the audit trail. All of its fields must match.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// The caller.
    pub actor: Option<String>,
    /// Owner of the record.
    pub owner: Option<UserId>,
    /// The action.
    pub action: Option<String>,
    /// Kind of the record.
    pub resource: Option<String>,
    /// Id of the record.
    pub record: Option<String>,
    /// `done`, `refused` or `overflow`.
    pub outcome: Option<String>,
    /// Reason of the refusal.
    pub reason: Option<String>,
    /// Client of the token.
    pub client_id: Option<String>,
    /// Client IP address.
    pub address: Option<String>,
    /// Request id.
    pub request_id: Option<String>,
    /// Earliest time, inclusive.
    pub since: Option<DateTime<Utc>>,
    /// Latest time, exclusive.
    pub until: Option<DateTime<Utc>>,
}

impl Store {
    /// Returns the entries about records of a user, newest first: at most `limit`, before `before`.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn audit_of(
        &self,
        user: &Allowed<User, ReadAudit>,
        before: Option<EntryId>,
        limit: u16,
    ) -> Result<Vec<Entry>, StoreError> {
        let filter = AuditFilter { owner: Some(user.id), ..AuditFilter::default() };
        self.flush_trail().await?;
        self.entries(filter, before, limit).await
    }

    /// Returns the entries that match the filter, newest first: at most `limit`, before `before`.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn audit(
        &self,
        _: &Reach<AuditTrail, List>,
        filter: AuditFilter,
        before: Option<EntryId>,
        limit: u16,
    ) -> Result<Vec<Entry>, StoreError> {
        self.flush_trail().await?;
        self.entries(filter, before, limit).await
    }

    /// Returns the entry of a refusal. Returns none for an unknown id, an expired entry, and one that only an
    /// overflow entry counts.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn decision(
        &self,
        _: &Reach<Explanation, Explain>,
        id: Uuid,
    ) -> Result<Option<Entry>, StoreError> {
        self.flush_trail().await?;
        self.read(move |conn| {
            Ok(on!(conn, |c| audit::table
                .find(EntryId(id))
                .filter(audit::outcome.eq("refused"))
                .select(Entry::as_select())
                .get_result(c)
                .optional())?)
        })
        .await
    }

    async fn entries(
        &self,
        filter: AuditFilter,
        before: Option<EntryId>,
        limit: u16,
    ) -> Result<Vec<Entry>, StoreError> {
        self.read(move |conn| {
            let filter = filter.clone();
            Ok(on!(conn, DB, |c| {
                let mut entries = audit::table
                    .order(audit::id.desc())
                    .limit(i64::from(limit))
                    .select(Entry::as_select())
                    .into_boxed::<DB>();
                macro_rules! narrow {
                    ($($value:expr => $column:expr, $compare:ident;)*) => {$(
                        if let Some(value) = $value {
                            entries = entries.filter($column.$compare(value));
                        }
                    )*};
                }
                narrow! {
                    before => audit::id, lt;
                    filter.owner => audit::owner_id, eq;
                    filter.actor => audit::actor, eq;
                    filter.action => audit::action, eq;
                    filter.resource => audit::resource, eq;
                    filter.record => audit::record, eq;
                    filter.outcome => audit::outcome, eq;
                    filter.reason => audit::reason, eq;
                    filter.client_id => audit::client_id, eq;
                    filter.address => audit::address, eq;
                    filter.request_id => audit::request_id, eq;
                    filter.since.map(Time) => audit::at, ge;
                    filter.until.map(Time) => audit::at, lt;
                }
                entries.load(c)
            })?)
        })
        .await
    }
}

impl TrustedStore {
    /// Creates an entry for an event outside of a transaction, with this id or a new one.
    /// [`TrustedStore::append_entries`] writes it.
    pub(crate) fn entry(&self, event: &AuditEvent, id: Option<Uuid>) -> Result<Entry, NoRandomness> {
        let now = self.shared().now();
        let id = id.map_or_else(|| self.shared().new_uuid(now), Ok)?;
        Ok(Entry::of(event, id, now))
    }

    /// Appends entries, except those that are there already.
    ///
    /// # Errors
    /// When the database is not available; then it wrote none.
    pub(crate) async fn append_entries(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        self.write(None, move |conn, _| insert(conn, &entries)).await
    }

    /// Appends the entry of a look at records of others: what was asked, and how many records it showed.
    ///
    /// # Errors
    /// When it cannot be written. Then the look must not be answered.
    pub(crate) async fn append_look(
        &self,
        event: &AuditEvent,
        query: Option<String>,
        shown: Option<usize>,
    ) -> Result<(), StoreError> {
        let mut entry = self.entry(event, None)?;
        if query.is_some() || shown.is_some() {
            entry = entry.with_inputs(|inputs| (inputs.query, inputs.shown) = (query, shown));
        }
        self.write(None, move |conn, _| insert_one(conn, &entry)).await
    }
}

impl Shared {
    /// Appends an event to the trail, in the transaction of `conn`.
    pub(in crate::store) fn append_event(
        &self,
        conn: &mut Connection,
        event: &AuditEvent,
    ) -> Result<(), StoreError> {
        let now = self.now();
        insert_one(conn, &Entry::of(event, self.new_uuid(now)?, now))
    }
}
