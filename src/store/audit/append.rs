//! New entries of the audit trail, and the keys that seal them.

use diesel::prelude::*;
use uuid::Uuid;

use crate::authz::AuditEvent;
use crate::domain::NoRandomness;
use crate::on;
use crate::store::engine::schema::audit;
use crate::store::shared::Shared;
use crate::store::{Connection, Entry, StoreError, TrailKeys, TrustedStore};

impl TrustedStore {
    /// Seals new entries and the chain with these keys from now on, and opens personal members for readers.
    pub(crate) fn use_trail_keys(&self, keys: TrailKeys) {
        // A second call would bring the same keys.
        drop(self.shared().trail_keys.set(keys));
    }

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
        let shared = self.shared().clone();
        self.write(None, move |conn, _| shared.insert_entries(conn, &entries)).await
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
        let shared = self.shared().clone();
        self.write(None, move |conn, _| shared.insert_entry(conn, &entry)).await
    }
}

impl Shared {
    /// Appends an event to the trail, and the messages of the jobs that react to it, in the transaction of `conn`.
    pub(in crate::store) fn append_event(
        &self,
        conn: &mut Connection,
        event: &AuditEvent,
    ) -> Result<(), StoreError> {
        let now = self.now();
        self.insert_entry(conn, &Entry::of(event, self.new_uuid(now)?, now))?;
        self.append_messages(conn, event, now)
    }

    /// Inserts an entry, with its personal members sealed.
    pub(in crate::store) fn insert_entry(
        &self,
        conn: &mut Connection,
        entry: &Entry,
    ) -> Result<(), StoreError> {
        let entry = self.seal_new(entry)?;
        on!(conn, |c| diesel::insert_into(audit::table).values(&entry).execute(c))?;
        Ok(())
    }

    /// Inserts entries, except those that are there already, with their personal members sealed.
    pub(in crate::store) fn insert_entries(
        &self,
        conn: &mut Connection,
        entries: &[Entry],
    ) -> Result<(), StoreError> {
        let entries = entries.iter().map(|entry| self.seal_new(entry)).collect::<Result<Vec<_>, _>>()?;
        on!(conn, |c| diesel::insert_into(audit::table)
            .values(&entries)
            .on_conflict_do_nothing()
            .execute(c))?;
        Ok(())
    }

    /// Seals the personal members of a new entry. A command without the keys leaves them as they are; the server seals
    /// them when it seals the entry into the chain.
    fn seal_new(&self, entry: &Entry) -> Result<Entry, StoreError> {
        self.trail_keys.get().map_or_else(|| Ok(entry.clone()), |keys| keys.seal_new(entry))
    }
}
