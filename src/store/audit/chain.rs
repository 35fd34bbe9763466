//! The chain of the audit trail: each line has a place, and its seal goes over the seal before it, so that no
//! line can be changed, moved or taken out unseen.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};

use super::entries as trail;
use super::entries::Entry;
use super::seal::{BEGINNING, ChainKey};
use crate::authz::{Actor, AuditEvent, Outcome};
use crate::domain::Time;
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::connection::{Connection, Link};
use crate::store::engine::error::StoreError;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{audit, audit_seals};
use crate::store::engine::sql_types::Uid;
use crate::store::trusted::TrustedStore;

/// The action of the line that says that old lines were removed.
pub(crate) const EXPIRE: &str = "expire";

/// Who seals and removes holds it, on one replica at a time: `pg_try_advisory_xact_lock`.
const TURN: i64 = 0x636c_6f61_6b61_7564;

diesel::define_sql_function! {
    /// Takes a lock of the whole database until the transaction ends, unless somebody else has it.
    fn pg_try_advisory_xact_lock(lock: BigInt) -> Bool;
}

/// A place in the chain: its position, its seal, and the line that is there.
#[derive(Clone, Debug)]
pub struct Place {
    /// Counted from one.
    pub position: i64,
    /// The seal as it is kept.
    pub seal: Vec<u8>,
    /// The line; none where it is not there.
    pub entry: Option<Entry>,
}

impl TrustedStore {
    /// Seals at most so many lines that are not sealed yet; how many it sealed. Nobody waits for it:
    /// where another replica is at it, it seals none.
    ///
    /// # Errors
    /// When the database is away; then none was sealed.
    pub(crate) async fn seal_entries(&self, key: &ChainKey, most: u16) -> Result<usize, StoreError> {
        if self.read(any_unsealed).await? {
            let key = key.clone();
            self.write(None, move |conn, _: &mut Changes| seal(conn, &key, most)).await
        } else {
            Ok(0)
        }
    }

    /// Removes at most so many lines from the beginning of the chain that are older than this, and
    /// writes down that it did; how many it removed. The last seal stays, so that the rest follows
    /// upon something.
    ///
    /// # Errors
    /// When the database is away; then none was removed.
    pub(crate) async fn expire_entries(
        &self,
        key: &ChainKey,
        before: DateTime<Utc>,
        most: u16,
    ) -> Result<usize, StoreError> {
        let is_old = move |conn: &mut Connection| Ok(!old(conn, before, 1)?.is_empty());
        if !self.read(is_old).await? {
            return Ok(0);
        }
        let (inner, key) = (self.shared().clone(), key.clone());
        self.write(None, move |conn, _| {
            if !take_turn(conn)? {
                return Ok(0);
            }
            let positions = old(conn, before, most)?;
            let Some(last) = positions.last().copied() else { return Ok(0) };
            on!(conn, |c| diesel::delete(audit::table.filter(audit::position.le(last))).execute(c))?;
            on!(conn, |c| diesel::delete(audit_seals::table.filter(audit_seals::position.lt(last)))
                .execute(c))?;
            let count = i64::try_from(positions.len()).unwrap_or(i64::MAX);
            inner.append_event(conn, &expired(last, count))?;
            // With what it says, so that nobody finds the one without the other.
            seal(conn, &key, u16::MAX)?;
            Ok(positions.len())
        })
        .await
    }

    /// At most so many places of the chain after this one, in their order.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn chain(&self, after: i64, most: u16) -> Result<Vec<Place>, StoreError> {
        let rows: Vec<(i64, Vec<u8>, Option<Entry>)> = self
            .read(move |conn| {
                Ok(on!(conn, |c| audit_seals::table
                    .left_join(audit::table.on(audit::position.eq(audit_seals::position.nullable())))
                    .filter(audit_seals::position.gt(after))
                    .order(audit_seals::position)
                    .limit(i64::from(most))
                    .select((audit_seals::position, audit_seals::seal, Option::<Entry>::as_select(),))
                    .load(c))?)
            })
            .await?;
        Ok(rows.into_iter().map(|(position, seal, entry)| Place { position, seal, entry }).collect())
    }

    /// Lines that claim a place of which there is no seal, at most so many.
    ///
    /// # Errors
    /// When the database is away.
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

    /// How many lines are not sealed yet, and since when.
    ///
    /// # Errors
    /// When the database is away.
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

    /// Whether anything was sealed yet, with a master key that is then to be kept.
    ///
    /// # Errors
    /// When the database is away.
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

fn last_seal(conn: &mut Connection) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
    Ok(on!(conn, |c| audit_seals::table
        .order(audit_seals::position.desc())
        .limit(1)
        .get_result(c)
        .optional())?)
}

fn seal(conn: &mut Connection, key: &ChainKey, most: u16) -> Result<usize, StoreError> {
    if !take_turn(conn)? {
        return Ok(0);
    }
    let (mut position, mut before) = last_seal(conn)?.unwrap_or((0, BEGINNING.to_vec()));
    let entries: Vec<Entry> = on!(conn, |c| audit::table
        .filter(audit::position.is_null())
        .order(audit::id)
        .limit(i64::from(most))
        .select(Entry::as_select())
        .load(c))?;
    let (mut places, mut seals) = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
    for entry in &entries {
        position += 1;
        before = key.seal(&before, position, entry).to_vec();
        places.push((entry.id, position));
        seals.push((audit_seals::position.eq(position), audit_seals::seal.eq(before.clone())));
    }
    place(conn, places)?;
    on!(conn, |c| diesel::insert_into(audit_seals::table).values(&seals).execute(c))?;
    Ok(entries.len())
}

/// Gives entries their positions.
fn place(conn: &mut Connection, places: Vec<(trail::EntryId, i64)>) -> Result<(), StoreError> {
    match conn.link() {
        Link::Sqlite(c) => {
            for (id, position) in places {
                update(audit::table.find(id)).set(audit::position.eq(Some(position))).execute(c)?;
            }
        }
        // One round trip for all of them.
        Link::Postgres(c) => {
            let (ids, positions): (Vec<_>, Vec<_>) = places.into_iter().unzip();
            diesel::sql_query(
                "UPDATE audit SET position = placed.position \
                 FROM unnest($1::uuid[], $2::bigint[]) AS placed (id, position) WHERE audit.id = placed.id",
            )
            .bind::<Array<Uid>, _>(ids)
            .bind::<Array<BigInt>, _>(positions)
            .execute(c)?;
        }
    }
    Ok(())
}

/// The positions at the beginning of the chain that are older than this, up to the first that is not.
fn old(conn: &mut Connection, before: DateTime<Utc>, most: u16) -> Result<Vec<i64>, StoreError> {
    let first: Vec<(Option<i64>, Time)> = on!(conn, |c| audit::table
        .filter(audit::position.is_not_null())
        .order(audit::position)
        .limit(i64::from(most))
        .select((audit::position, audit::at))
        .load(c))?;
    Ok(first.into_iter().take_while(|(_, at)| at.0 < before).filter_map(|(position, _)| position).collect())
}

/// Whether it is this replica's turn, until the transaction ends. SQLite has one writer in any case.
fn take_turn(conn: &mut Connection) -> Result<bool, StoreError> {
    match conn.link() {
        Link::Sqlite(_) => Ok(true),
        Link::Postgres(c) => Ok(diesel::select(pg_try_advisory_xact_lock(TURN)).get_result(c)?),
    }
}

fn expired(last: i64, count: i64) -> AuditEvent {
    AuditEvent {
        by: Actor::Server,
        action: EXPIRE,
        resource: "audit_trail",
        record: Some(last.to_string()),
        owner: None,
        outcome: Outcome::Removed(count),
    }
}
