//! The hash chain of the audit trail: each entry has a position, and its seal covers the previous seal. So a
//! check detects each entry that was changed, moved or removed.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

use super::entries as trail;
use super::generations::generations;
use super::holder_keys::{expire, seal_for_holders};
use super::personal::day_of;
use crate::authz::action::{Action as _, Delete};
use crate::authz::{Actor, AuditEvent, Outcome, Resource as _};
use crate::domain::{Time, User};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{audit, audit_seals};
use crate::store::shared::Shared;
use crate::store::{BEGINNING, Connection, Entry, Link, StoreError, TrustedStore, Uid};

/// Action of the entry that records the removal of expired entries.
pub(crate) const EXPIRE: &str = "expire";

/// Advisory lock of the replica that seals or removes entries. An arbitrary number of our own.
const LOCK: i64 = 0x636c_6f61_6b61_7564;

diesel::define_sql_function! {
    /// Tries to take an advisory lock until the transaction ends. Returns false when another session holds
    /// it.
    fn pg_try_advisory_xact_lock(lock: BigInt) -> Bool;
}

/// A position of the chain, with its seal and its entry.
#[derive(Clone, Debug, Queryable)]
pub struct Place {
    /// Counts from one.
    pub position: i64,
    /// The stored seal.
    pub seal: Vec<u8>,
    /// The second seal of an entry whose personal members were sealed later.
    pub resealed: Option<Vec<u8>>,
    /// The entry, or none when it is missing.
    pub entry: Option<Entry>,
}

impl TrustedStore {
    /// Seals at most `most` unsealed entries, their personal members for their holders, and returns how many. Returns
    /// 0 while another replica seals.
    ///
    /// # Errors
    /// When the database is not available; then it sealed none.
    pub(crate) async fn seal_entries(&self, most: u16) -> Result<Sealed, StoreError> {
        if self.read(any_unsealed).await? {
            let shared = self.shared().clone();
            self.write_in_background(move |conn, _| seal(conn, &shared, most)).await
        } else {
            Ok(Sealed::default())
        }
    }

    /// Removes at most `most` entries older than `before` from the beginning of the chain, and records the
    /// removal as an entry. Returns how many it removed; none while many entries wait to be sealed. The last
    /// removed entry's seal stays, because the next seal covers it.
    ///
    /// # Errors
    /// When the database is not available; then it removed none.
    pub(crate) async fn expire_entries(&self, before: DateTime<Utc>, most: u16) -> Result<usize, StoreError> {
        let any_expired = move |conn: &mut Connection| Ok(!expired(conn, before, 1)?.is_empty());
        if !self.read(any_expired).await? {
            return Ok(0);
        }
        let inner = self.shared().clone();
        self.write_in_background(move |conn, _| {
            // The entry of the removal is sealed in the same transaction, so that a check never finds a removal
            // without its entry. All entries before it are sealed first; a backlog of them is left to the sealer.
            if !try_lock(conn)? || seal(conn, &inner, most)?.entries == usize::from(most) {
                return Ok(0);
            }
            let positions = expired(conn, before, most)?;
            let Some(last) = positions.last().copied() else { return Ok(0) };
            on!(conn, |c| diesel::delete(audit::table.filter(audit::position.le(last))).execute(c))?;
            on!(conn, |c| diesel::delete(audit_seals::table.filter(audit_seals::position.lt(last)))
                .execute(c))?;
            let count = i64::try_from(positions.len()).unwrap_or(i64::MAX);
            // A day more than the clocks of two replicas can be apart.
            expire(conn, day_of(before) - 1)?;
            inner.append_event(conn, &removal(last, count))?;
            seal(conn, &inner, most)?;
            Ok(positions.len())
        })
        .await
    }

    /// Returns at most `most` positions of the chain after `after`, in order.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn chain(&self, after: i64, most: u16) -> Result<Vec<Place>, StoreError> {
        self.read(move |conn| {
            Ok(on!(conn, |c| audit_seals::table
                .left_join(audit::table.on(audit::position.eq(audit_seals::position.nullable())))
                .filter(audit_seals::position.gt(after))
                .order(audit_seals::position)
                .limit(i64::from(most))
                .select((
                    audit_seals::position,
                    audit_seals::seal,
                    audit_seals::resealed,
                    Option::<Entry>::as_select(),
                ))
                .load(c))?)
        })
        .await
    }

    /// Returns at most `most` entries that have a position without a seal.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn entries_without_a_seal(&self, most: u16) -> Result<Vec<Entry>, StoreError> {
        self.read(move |conn| {
            Ok(on!(conn, |c| audit::table
                .left_join(audit_seals::table.on(audit_seals::position.nullable().eq(audit::position)))
                .filter(audit::position.is_not_null())
                .filter(audit_seals::position.is_null())
                .order(audit::position)
                .limit(i64::from(most))
                .select(Entry::as_select())
                .load(c))?)
        })
        .await
    }

    /// Returns the number of unsealed entries, and the time of the oldest.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn unsealed(&self) -> Result<(i64, Option<DateTime<Utc>>), StoreError> {
        self.read(|conn| {
            let unsealed = || audit::table.filter(audit::position.is_null());
            let count: i64 = on!(conn, |c| unsealed().count().get_result(c))?;
            let oldest: Option<Time> = on!(conn, |c| unsealed()
                .order(audit::id)
                .select(audit::at)
                .limit(1)
                .get_result(c)
                .optional())?;
            Ok((count, oldest.map(|time| time.0)))
        })
        .await
    }

    /// Returns true when any entry is sealed. Then the server needs the same master key again.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn has_seals(&self) -> Result<bool, StoreError> {
        self.read(|conn| Ok(last_seal(conn)?.is_some())).await
    }
}

fn any_unsealed(conn: &mut Connection) -> Result<bool, StoreError> {
    let one: Option<trail::EntryId> = on!(conn, |c| audit::table
        .filter(audit::position.is_null())
        .order(audit::id)
        .select(audit::id)
        .limit(1)
        .get_result(c)
        .optional())?;
    Ok(one.is_some())
}

pub(in crate::store) fn last_seal(conn: &mut Connection) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
    Ok(on!(conn, |c| audit_seals::table
        .order(audit_seals::position.desc())
        .limit(1)
        .select((audit_seals::position, audit_seals::seal))
        .get_result(c)
        .optional())?)
}

/// Entries that were sealed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sealed {
    /// Their number.
    pub(crate) entries: usize,
    /// True when one of them records the deletion of a user.
    pub(crate) has_erasure: bool,
}

fn seal(conn: &mut Connection, shared: &Shared, most: u16) -> Result<Sealed, StoreError> {
    if !try_lock(conn)? {
        return Ok(Sealed::default());
    }
    let (mut position, mut before) = last_seal(conn)?.unwrap_or((0, BEGINNING.to_vec()));
    let mut entries: Vec<Entry> = on!(conn, |c| audit::table
        .filter(audit::position.is_null())
        .order(audit::id)
        .limit(i64::from(most))
        .select(Entry::as_select())
        .load(c))?;
    let keys = shared.trail_keys()?;
    let key = keys.chain_key(&generations(conn)?)?;
    seal_for_holders(conn, keys, &mut entries)?;
    let is_erasure = |entry: &Entry| entry.action == Delete::NAME && entry.resource == User::NAME;
    let sealed = Sealed { entries: entries.len(), has_erasure: entries.iter().any(is_erasure) };
    let mut seals = Vec::with_capacity(entries.len());
    for entry in &mut entries {
        position += 1;
        let sealed = key.seal(&before, position, entry);
        let lost = || StoreError::Internal(format!("the position {position} has no key"));
        before = sealed.ok_or_else(lost)?.to_vec();
        entry.position = Some(position);
        seals.push((audit_seals::position.eq(position), audit_seals::seal.eq(before.clone())));
    }
    rewrite(conn, entries.into_iter().map(Rewritten::of).collect())?;
    on!(conn, |c| diesel::insert_into(audit_seals::table).values(&seals).execute(c))?;
    Ok(sealed)
}

/// Members of an entry that are written when it gets its place in the chain.
pub(super) struct Rewritten {
    id: trail::EntryId,
    position: Option<i64>,
    address: Option<String>,
    inputs: Option<String>,
}

impl Rewritten {
    pub(super) fn of(entry: Entry) -> Self {
        Self { id: entry.id, position: entry.position, address: entry.address, inputs: entry.inputs }
    }
}

/// Writes the positions of entries, and their personal members.
pub(super) fn rewrite(conn: &mut Connection, entries: Vec<Rewritten>) -> Result<(), StoreError> {
    match conn.link() {
        Link::Sqlite(c) => {
            for Rewritten { id, position, address, inputs } in entries {
                let new =
                    (audit::position.eq(position), audit::address.eq(address), audit::inputs.eq(inputs));
                update(audit::table.find(id)).set(new).execute(c)?;
            }
        }
        // One round trip for all entries.
        Link::Postgres(c) => {
            let columns = |Rewritten { id, position, address, inputs }| ((id, position), (address, inputs));
            let (keys, members): (Vec<_>, Vec<_>) = entries.into_iter().map(columns).unzip();
            let (ids, positions): (Vec<trail::EntryId>, Vec<Option<i64>>) = keys.into_iter().unzip();
            let (addresses, inputs): (Vec<Option<String>>, Vec<Option<String>>) = members.into_iter().unzip();
            diesel::sql_query(
                "UPDATE audit SET position = new.position, address = new.address, inputs = new.inputs \
                 FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) AS new (id, position, address, inputs) \
                 WHERE audit.id = new.id",
            )
            .bind::<Array<Uid>, _>(ids)
            .bind::<Array<Nullable<BigInt>>, _>(positions)
            .bind::<Array<Nullable<Text>>, _>(addresses)
            .bind::<Array<Nullable<Text>>, _>(inputs)
            .execute(c)?;
        }
    }
    Ok(())
}

/// Returns at most `most` positions at the beginning of the chain, up to the first entry not older than
/// `before`.
fn expired(conn: &mut Connection, before: DateTime<Utc>, most: u16) -> Result<Vec<i64>, StoreError> {
    let first: Vec<(Option<i64>, Time)> = on!(conn, |c| audit::table
        .filter(audit::position.is_not_null())
        .order(audit::position)
        .limit(i64::from(most))
        .select((audit::position, audit::at))
        .load(c))?;
    Ok(first.into_iter().take_while(|(_, at)| at.0 < before).filter_map(|(position, _)| position).collect())
}

/// Takes the lock of the sealing replica until the transaction ends. SQLite has one writer anyway.
pub(in crate::store) fn try_lock(conn: &mut Connection) -> Result<bool, StoreError> {
    match conn.link() {
        Link::Sqlite(_) => Ok(true),
        Link::Postgres(c) => Ok(diesel::select(pg_try_advisory_xact_lock(LOCK)).get_result(c)?),
    }
}

fn removal(last: i64, count: i64) -> AuditEvent {
    AuditEvent {
        by: Actor::Server,
        action: EXPIRE,
        resource: "audit_trail",
        record: Some(last.to_string()),
        owner: None,
        outcome: Outcome::Removed(count),
    }
}
