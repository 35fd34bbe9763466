//! Queries of the audit trail.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::entries::{Entry, EntryId, insert};
use crate::authz::action::{Explain, List, ReadAudit};
use crate::authz::{Allowed, AuditEvent, AuditTrail, Explanation, Reach};
use crate::domain::{NoRandomness, Time, User, UserId};
use crate::on;
use crate::store::engine::error::StoreError;
use crate::store::engine::schema::audit;
use crate::store::handle::Store;
use crate::store::trusted::TrustedStore;

/// Which entries are asked for: those of which all that is named here is so.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Who did it, or tried to.
    pub actor: Option<String>,
    /// Whose record it is.
    pub owner: Option<UserId>,
    /// What was done.
    pub action: Option<String>,
    /// To what kind of record.
    pub resource: Option<String>,
    /// To which.
    pub record: Option<String>,
    /// How it went.
    pub outcome: Option<String>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// Through which client.
    pub client_id: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// At this time, or later.
    pub since: Option<DateTime<Utc>>,
    /// Before this time.
    pub until: Option<DateTime<Utc>>,
}

impl Store {
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
        let filter = AuditFilter { owner: Some(user.id), ..AuditFilter::default() };
        self.entries(filter, before, limit).await
    }

    /// Everybody's trail, newest first: at most `limit` of the entries that are asked for, before
    /// `before`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn audit(
        &self,
        _: &Reach<AuditTrail, List>,
        filter: AuditFilter,
        before: Option<EntryId>,
        limit: u16,
    ) -> Result<Vec<Entry>, StoreError> {
        self.entries(filter, before, limit).await
    }

    /// The line of a decision; none where there was no such decision, or its line is gone, or was
    /// one of too many to be written down.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn decision(
        &self,
        _: &Reach<Explanation, Explain>,
        id: Uuid,
    ) -> Result<Option<Entry>, StoreError> {
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
            let asked = filter.clone();
            Ok(on!(conn, DB, |c| {
                let mut entries = audit::table
                    .order(audit::id.desc())
                    .limit(i64::from(limit))
                    .select(Entry::as_select())
                    .into_boxed::<DB>();
                macro_rules! narrow {
                    ($($asked:expr => $column:expr, $compare:ident;)*) => {$(
                        if let Some(value) = $asked {
                            entries = entries.filter($column.$compare(value));
                        }
                    )*};
                }
                narrow! {
                    before => audit::id, lt;
                    asked.owner => audit::owner_id, eq;
                    asked.actor => audit::actor, eq;
                    asked.action => audit::action, eq;
                    asked.resource => audit::resource, eq;
                    asked.record => audit::record, eq;
                    asked.outcome => audit::outcome, eq;
                    asked.reason => audit::reason, eq;
                    asked.client_id => audit::client_id, eq;
                    asked.address => audit::address, eq;
                    asked.request_id => audit::request_id, eq;
                    asked.since.map(Time) => audit::at, ge;
                    asked.until.map(Time) => audit::at, lt;
                }
                entries.load(c)
            })?)
        })
        .await
    }
}

impl TrustedStore {
    /// An entry for an event that is not part of a transaction, under this id or a new one; it is
    /// written by [`Store::append_entries`].
    pub(crate) fn entry(&self, event: &AuditEvent, id: Option<Uuid>) -> Result<Entry, NoRandomness> {
        let now = self.shared().now();
        let id = id.map_or_else(|| self.shared().new_uuid(now), Ok)?;
        Ok(Entry::of(event, id, now))
    }

    /// Appends entries.
    ///
    /// # Errors
    /// When the database is away; then none was written.
    pub(crate) async fn append_entries(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        self.write(None, move |conn, _| insert(conn, &entries)).await
    }
}
