//! The chain of the audit trail: each line is sealed with the seal before it, by a key that the
//! database does not have, so that no line can be changed, moved or taken out unseen.

use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};

use super::audit::{self as trail, Entry};
use super::conn::{Connection, Link};
use super::error::StoreError;
use super::schema::{audit, audit_seals};
use super::types::Uid;
use super::{Changes, Store};
use crate::authz::{By, Event, Outcome};
use crate::domain::Time;
use crate::on;

/// The action of the line that says that old lines were removed.
pub(crate) const EXPIRE: &str = "expire";

/// Who seals and removes holds it, on one replica at a time: `pg_try_advisory_xact_lock`.
const TURN: i64 = 0x636c_6f61_6b61_7564;

/// What seals are made with. It has no `Debug`.
#[derive(Clone)]
pub struct ChainKey(hmac::Key);

/// A seal: HMAC-SHA256 (RFC 2104).
pub type Seal = [u8; 32];

/// The seal before the first.
pub const BEGINNING: Seal = [0; 32];

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

impl ChainKey {
    /// From 32 secret bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The seal of a line at this position after this one: of every column, each with its length, so
    /// that no two lines are written alike.
    pub fn seal(&self, before: &[u8], position: i64, entry: &Entry) -> Seal {
        let mut written = hmac::Context::with_key(&self.0);
        let mut write = |bytes: Option<&[u8]>| {
            let Some(bytes) = bytes else { return written.update(&[0]) };
            written.update(&[1]);
            written.update(&(bytes.len() as u64).to_be_bytes());
            written.update(bytes);
        };
        write(Some(before));
        write(Some(&position.to_be_bytes()));
        write(Some(entry.id.0.as_bytes()));
        write(Some(&entry.at.0.timestamp_micros().to_be_bytes()));
        write(Some(&entry.count.to_be_bytes()));
        write(entry.owner_id.as_ref().map(|id| id.0.as_bytes().as_slice()));
        for text in [Some(&entry.outcome), Some(&entry.action), Some(&entry.resource)] {
            write(text.map(|text| text.as_bytes()));
        }
        for text in [
            &entry.reason,
            &entry.record,
            &entry.actor,
            &entry.client_id,
            &entry.jti,
            &entry.address,
            &entry.request_id,
            &entry.inputs,
        ] {
            write(text.as_ref().map(|text| text.as_bytes()));
        }
        let mut seal = BEGINNING;
        seal.copy_from_slice(written.sign().as_ref());
        seal
    }
}

impl Store {
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
        let (inner, key) = (self.0.clone(), key.clone());
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
            inner.write_down(conn, &expired(last, count))?;
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
                diesel::update(audit::table.find(id)).set(audit::position.eq(Some(position))).execute(c)?;
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
        Link::Postgres(c) => {
            let turn = diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(&format!(
                "pg_try_advisory_xact_lock({TURN})"
            )));
            Ok(turn.get_result(c)?)
        }
    }
}

fn expired(last: i64, count: i64) -> Event {
    Event {
        by: By::Server,
        action: EXPIRE,
        resource: "audit_trail",
        record: Some(last.to_string()),
        owner: None,
        outcome: Outcome::Removed(count),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::UserId;

    fn entry() -> Entry {
        let event = Event { owner: Some(UserId(Uuid::from_u128(7))), ..expired(1, 2) };
        Entry::of(&event, Uuid::from_u128(1), DateTime::UNIX_EPOCH)
    }

    #[test]
    fn every_column_and_the_place_are_in_the_seal() {
        let key = ChainKey::new(&[7; 32]);
        let seal = |change: fn(&mut Entry)| {
            let mut entry = entry();
            change(&mut entry);
            key.seal(&BEGINNING, 1, &entry)
        };
        let before = seal(|_| {});
        let changes: [fn(&mut Entry); 15] = [
            |entry| entry.id = trail::EntryId(Uuid::from_u128(2)),
            |entry| entry.at = Time(DateTime::UNIX_EPOCH + chrono::TimeDelta::microseconds(1)),
            |entry| entry.outcome = "refused".to_owned(),
            |entry| entry.reason = Some(String::new()),
            |entry| entry.action = "expired".to_owned(),
            |entry| entry.resource = String::new(),
            |entry| entry.record = None,
            |entry| entry.owner_id = None,
            |entry| entry.actor = Some("operator".to_owned()),
            |entry| entry.client_id = Some("a".to_owned()),
            |entry| entry.jti = Some("a".to_owned()),
            |entry| entry.address = Some("a".to_owned()),
            |entry| entry.request_id = Some("a".to_owned()),
            |entry| entry.count = 3,
            |entry| entry.inputs = Some("{}".to_owned()),
        ];
        let mut seals: Vec<Seal> = changes.into_iter().map(seal).collect();
        seals.push(key.seal(&BEGINNING, 2, &entry()));
        seals.push(key.seal(&[1; 32], 1, &entry()));
        seals.push(ChainKey::new(&[8; 32]).seal(&BEGINNING, 1, &entry()));
        assert!(!seals.contains(&before));
        seals.sort_unstable();
        seals.dedup();
        assert_eq!(seals.len(), 18, "two changes have one seal");
    }
}
