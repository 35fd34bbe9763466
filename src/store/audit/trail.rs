//! Queries of the audit trail.

use diesel::prelude::*;
use uuid::Uuid;

use super::filter::AuditFilter;
use super::generations::generations;
use super::holder_keys;
use crate::authz::action::{Explain, List, ReadAudit};
use crate::authz::{Allowed, AuditTrail, Explanation, Reach};
use crate::domain::User;
use crate::on;
use crate::store::engine::schema::audit;
use crate::store::shared::Shared;
use crate::store::{Connection, Entry, EntryId, Store, StoreError};

/// A part of the trail, newest first.
#[derive(Clone, Debug)]
pub struct AuditPage {
    /// The entries that match; none when the part has none.
    pub entries: Vec<Entry>,
    /// The entry before which the next part begins. None at the end of the trail.
    pub next: Option<EntryId>,
}

impl Store {
    /// Returns the entries about records of a user, newest first, from `before` on: at most `limit`.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn audit_of(
        &self,
        user: &Allowed<User, ReadAudit>,
        before: Option<EntryId>,
        limit: u16,
    ) -> Result<AuditPage, StoreError> {
        let owner = Some(user.id).filter(|_| !fault!(audit_of_everyone));
        let filter = AuditFilter { owner, ..AuditFilter::default() };
        self.flush_trail().await?;
        self.entries(filter, before, limit).await
    }

    /// Returns the entries that match the filter, newest first, from `before` on: at most `limit` of at most
    /// 10,000 that are read. A page can be short, or empty, and have a next one.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn audit(
        &self,
        _: &Reach<AuditTrail, List>,
        filter: AuditFilter,
        before: Option<EntryId>,
        limit: u16,
    ) -> Result<AuditPage, StoreError> {
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
        let shared = self.shared().clone();
        self.read(move |conn| {
            let found: Option<Entry> = on!(conn, |c| audit::table
                .find(EntryId(id))
                .filter(audit::outcome.eq("refused"))
                .select(Entry::as_select())
                .get_result(c)
                .optional())?;
            let mut found: Vec<Entry> = found.into_iter().collect();
            shared.open_entries(conn, &mut found)?;
            Ok(found.pop())
        })
        .await
    }

    async fn entries(
        &self,
        filter: AuditFilter,
        before: Option<EntryId>,
        limit: u16,
    ) -> Result<AuditPage, StoreError> {
        let shared = self.shared().clone();
        self.read(move |conn| {
            let address = filter.address.clone();
            let filters = match (&address, shared.trail_keys.get()) {
                (Some(address), Some(keys)) => filter.for_digests(keys.digests(&generations(conn)?, address)),
                _ => vec![filter.clone()],
            };
            let floors = filters.iter().map(|filter| filter.floor(conn, before));
            let floor = floors.collect::<Result<Vec<_>, _>>()?.into_iter().max().flatten();
            let pages = filters.iter().map(|filter| filter.page(conn, before, floor, i64::from(limit) + 1));
            let mut entries: Vec<Entry> =
                pages.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
            entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.id));
            let is_full = entries.len() > usize::from(limit);
            entries.truncate(limit.into());
            let next = if is_full { entries.last().map(|entry| entry.id) } else { floor };
            shared.open_entries(conn, &mut entries)?;
            // Other addresses have the same digest.
            entries.retain(|entry| address.is_none() || entry.address == address);
            Ok(AuditPage { entries, next })
        })
        .await
    }
}

impl Shared {
    /// Opens the personal members of entries for a reader.
    fn open_entries(&self, conn: &mut Connection, entries: &mut [Entry]) -> Result<(), StoreError> {
        self.trail_keys.get().map_or(Ok(()), |keys| holder_keys::open(conn, keys, entries))
    }
}
