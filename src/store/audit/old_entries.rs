//! Entries of earlier versions, whose personal members are in clear. A duty seals them for their holders. An entry is
//! rewritten only if its seal is right, and in the same transaction gets a second seal over its new form. The first
//! seal stays: it joins the entry to the chain, and an anchor of an earlier version stays valid.

use std::collections::{BTreeSet, HashMap};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool};
use subtle::ConstantTimeEq as _;

use super::chain::{Rewritten, rewrite, try_lock};
use super::check::{CHANGED, Wrong};
use super::generations::generations;
use super::holder_keys::seal_for_holders;
use crate::authz::{Actor, AuditEvent, Outcome};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{audit, audit_seals};
use crate::store::{BEGINNING, Connection, Entry, Link, StoreError, TrustedStore};

/// Condition of the index `audit_plain`.
const PLAIN: &str = "position IS NOT NULL AND (substr(address, 1, 1) <> '~' OR substr(inputs, 1, 1) <> '~')";

/// Result of one batch.
#[derive(Debug, Default)]
pub(crate) struct Resealed {
    /// Number of entries that were sealed.
    pub(crate) entries: usize,
    /// An entry whose seal is wrong: the batch ends before it.
    pub(crate) wrong: Option<Wrong>,
    /// True when no entry is left.
    pub(crate) is_done: bool,
}

impl TrustedStore {
    /// Returns true when the chain has an entry whose personal members are in clear.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn has_old_entries(&self) -> Result<bool, StoreError> {
        self.read(|conn| Ok(!old_entries(conn, 1)?.is_empty())).await
    }

    /// Seals the personal members of at most `most` old entries, from the beginning of the chain on, up to the first
    /// one whose seal is wrong. With `despite_faults` such an entry is sealed too. It gets no second seal, so that a
    /// check still finds its fault.
    ///
    /// # Errors
    /// When the database is not available; then it sealed none.
    pub(crate) async fn seal_old_entries(
        &self,
        most: u16,
        despite_faults: bool,
    ) -> Result<Resealed, StoreError> {
        let shared = self.shared().clone();
        self.write_in_background(move |conn, _| {
            if !try_lock(conn)? {
                return Ok(Resealed::default());
            }
            let keys = shared.trail_keys()?;
            let key = keys.chain_key(&generations(conn)?)?;
            let entries = old_entries(conn, most)?;
            let is_last = entries.len() < usize::from(most);
            let seals = seals_around(conn, &entries)?;
            let is_right = |entry: &Entry| {
                seals.around(entry).is_some_and(|(at, before, seal)| {
                    key.seal(before, at, entry).is_some_and(|made| made.as_slice().ct_eq(seal).into())
                })
            };
            let faulty: BTreeSet<i64> =
                entries.iter().filter(|entry| !is_right(entry)).filter_map(|entry| entry.position).collect();
            let is_faulty = |entry: &Entry| entry.position.is_some_and(|at| faulty.contains(&at));
            let mut rewritten = entries;
            let wrong = rewritten.iter().position(is_faulty).filter(|_| !despite_faults);
            let wrong = wrong.and_then(|place| rewritten.drain(place..).next()).map(|entry| Wrong {
                position: entry.position.unwrap_or_default(),
                id: Some(entry.id.0),
                what: CHANGED,
            });
            seal_for_holders(conn, keys, &mut rewritten)?;
            let right = rewritten.iter().filter(|entry| !is_faulty(entry));
            let second = right.filter_map(|entry| {
                let (at, before, seal) = seals.around(entry)?;
                Some((at, key.reseal(before, seal, at, entry)?.to_vec()))
            });
            let second: Vec<(i64, Vec<u8>)> = second.collect();
            let (entries, is_done) = (rewritten.len(), is_last && wrong.is_none());
            rewrite(conn, rewritten.into_iter().map(Rewritten::of).collect())?;
            write_second_seals(conn, second)?;
            Ok(Resealed { entries, wrong, is_done })
        })
        .await
    }

    /// Records in the trail that old entries were sealed, and how many of them.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn record_resealing(&self, entries: usize) -> Result<(), StoreError> {
        let event = AuditEvent {
            by: Actor::Server,
            action: "seal",
            resource: "audit_trail",
            record: None,
            owner: None,
            outcome: Outcome::Resealed(i64::try_from(entries).unwrap_or(i64::MAX)),
        };
        self.write(Some(event), |_, _| Ok(())).await
    }
}

/// Returns the first entries of the chain whose personal members are in clear.
fn old_entries(conn: &mut Connection, most: u16) -> Result<Vec<Entry>, StoreError> {
    Ok(on!(conn, |c| audit::table
        .filter(sql::<Bool>(PLAIN))
        .order(audit::position)
        .limit(i64::from(most))
        .select(Entry::as_select())
        .load(c))?)
}

/// Seals of entries, and those before them, by position.
struct Seals(HashMap<i64, Vec<u8>>);

impl Seals {
    /// Returns the position of an entry, the seal before it, and its own.
    fn around(&self, entry: &Entry) -> Option<(i64, &[u8], &[u8])> {
        let at = entry.position?;
        let before = if at == 1 { &BEGINNING } else { self.0.get(&(at - 1))?.as_slice() };
        Some((at, before, self.0.get(&at)?))
    }
}

fn seals_around(conn: &mut Connection, entries: &[Entry]) -> Result<Seals, StoreError> {
    let positions = entries.iter().filter_map(|entry| entry.position).flat_map(|at| [at - 1, at]);
    let positions: BTreeSet<i64> = positions.collect();
    let seals: Vec<(i64, Vec<u8>)> = on!(conn, |c| audit_seals::table
        .filter(audit_seals::position.eq_any(&positions))
        .select((audit_seals::position, audit_seals::seal))
        .load(c))?;
    Ok(Seals(seals.into_iter().collect()))
}

fn write_second_seals(conn: &mut Connection, seals: Vec<(i64, Vec<u8>)>) -> Result<(), StoreError> {
    match conn.link() {
        Link::Sqlite(c) => {
            for (position, seal) in seals {
                let place = audit_seals::table.find(position);
                update(place).set(audit_seals::resealed.eq(Some(seal))).execute(c)?;
            }
        }
        // One round trip for all entries.
        Link::Postgres(c) => {
            let (positions, seals): (Vec<_>, Vec<_>) = seals.into_iter().unzip();
            diesel::sql_query(
                "UPDATE audit_seals SET resealed = new.seal FROM unnest($1::bigint[], $2::bytea[]) AS new (position, seal) \
                 WHERE audit_seals.position = new.position",
            )
            .bind::<Array<BigInt>, _>(positions)
            .bind::<Array<Binary>, _>(seals)
            .execute(c)?;
        }
    }
    Ok(())
}
