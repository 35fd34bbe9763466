//! The master keys that sealed the database, in their order. The last one is in use. The database says so and not the
//! configuration, so that all replicas change together.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use crate::authz::{Actor, AuditEvent, Outcome};
use crate::domain::Time;
use crate::on;
use crate::store::audit::chain::{last_seal, try_lock};
use crate::store::audit::generations::{Generation, generations};
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{
    audit, audit_day_keys, audit_person_keys, idempotency_keys, master_keys, outbox, pending_registrations,
    signing_keys, users,
};
use crate::store::records::idempotency::KEY_LIFETIME;
use crate::store::records::sealed_values::FIREBASE;
use crate::store::shared::Shared;
use crate::store::{ChainKey, Connection, StoreError, TrustedStore};

/// Longest time until each replica seals with a new master key.
const REPLICATION_DELAY: TimeDelta = TimeDelta::seconds(5);

/// Fingerprint of a master key that was lost before any server recorded it.
const UNRECORDED: &str = "unknown";

/// The master keys of this server, compared with the one in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MasterKeyState {
    /// The present one is in use since this time, and nothing needs the previous one, as far as the database says.
    Present(DateTime<Utc>),
    /// The present one is in use since this time. Values that the previous one sealed are left.
    Resealing(DateTime<Utc>),
    /// The previous one is in use.
    Previous(DateTime<Utc>),
    /// Another one is in use.
    Other,
}

/// Reason why a master key does not come into use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSwitched {
    /// The database is not available.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A replica seals the audit trail at the moment.
    #[error("the audit trail is being sealed at the moment; try again")]
    Busy,
    /// The master key in use is not among those of this server.
    #[error("the master key in use is not CLOAKROOM_MASTER_KEY_PREVIOUS")]
    Other,
    /// The master key in use is known to this server.
    #[error("the master key is not lost: this server has it")]
    NotLost,
}

impl TrustedStore {
    /// Records the master key in use of this server as the first one, unless the database knows one.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn record_first_master_key(&self) -> Result<(), StoreError> {
        if !self.read(generations).await?.is_empty() {
            return Ok(());
        }
        let shared = self.shared().clone();
        self.write_in_background(move |conn, _| {
            let now = Time(shared.now());
            let first = Generation {
                number: 1,
                fingerprint: shared.trail_keys()?.in_use().to_owned(),
                first_position: 1,
                sealed: None,
                created_at: now,
                resealed_at: Some(now),
            };
            on!(conn, |c| diesel::insert_into(master_keys::table)
                .values(&first)
                .on_conflict_do_nothing()
                .execute(c))?;
            Ok(())
        })
        .await
    }

    /// Compares the master keys of this server with the one in use, and from now on seals with that one.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn follow_master_key(&self) -> Result<MasterKeyState, StoreError> {
        let last = self.read(generations).await?.pop();
        let keys = self.shared().trail_keys()?;
        let (present, previous) = keys.fingerprints();
        let Some(last) = last else { return Ok(MasterKeyState::Present(self.shared().now())) };
        let is_present = last.fingerprint == present;
        if !is_present && previous != Some(last.fingerprint.as_str()) {
            return Ok(MasterKeyState::Other);
        }
        keys.set_uses_previous(!is_present);
        let since = last.created_at.0;
        Ok(match last.resealed_at {
            _ if !is_present => MasterKeyState::Previous(since),
            None => MasterKeyState::Resealing(since),
            Some(_) => MasterKeyState::Present(since),
        })
    }

    /// Brings the present master key into use instead of the previous one. Does nothing when it is in use.
    ///
    /// # Errors
    /// [`NotSwitched`]; then the previous one stays in use.
    pub(crate) async fn switch_master_key(&self) -> Result<(), NotSwitched> {
        let shared = self.shared().clone();
        let number = self.read(generations).await?.len() + 1;
        let switched = self.write(Some(event("rotate", number)), move |conn, _| {
            let keys = shared.trail_keys()?;
            if !try_lock(conn)? {
                return Ok(Err(NotSwitched::Busy));
            }
            let known = generations(conn)?;
            let (present, previous) = keys.fingerprints();
            let Some(last) = known.last() else { return Ok(Err(NotSwitched::Other)) };
            if last.fingerprint == present {
                return Err(StoreError::Changed);
            }
            if previous != Some(last.fingerprint.as_str()) {
                return Ok(Err(NotSwitched::Other));
            }
            for generation in &known {
                let sealed = keys.seal_generation(generation)?;
                let this = master_keys::table.find(generation.number);
                on!(conn, |c| update(this).set(master_keys::sealed.eq(sealed)).execute(c))?;
            }
            append(conn, &shared, present)?;
            Ok(Ok(()))
        });
        match switched.await {
            Err(StoreError::Changed) => Ok(()),
            done => done?,
        }
    }

    /// Records that nothing is left that a former master key sealed. Does nothing in the first seconds after the change,
    /// in which a replica can still seal with the former one.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn record_all_resealed(&self, since: DateTime<Utc>) -> Result<(), StoreError> {
        let now = self.shared().now();
        if now - since < REPLICATION_DELAY {
            return Ok(());
        }
        self.write_in_background(move |conn, _| {
            let unfinished = master_keys::table.filter(master_keys::resealed_at.is_null());
            let done = master_keys::resealed_at.eq(Some(Time(now)));
            on!(conn, |c| update(unfinished).set(done).execute(c))?;
            Ok(())
        })
        .await
    }

    /// Returns how many kept answers and new audit entries are older than the change of the master key. The answers expire
    /// within a day, and the entries are sealed for their holders within seconds.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn count_expiring_seals(&self, since: DateTime<Utc>) -> Result<(i64, i64), StoreError> {
        let since = since + REPLICATION_DELAY;
        let now = self.shared().now();
        self.read(move |conn| {
            let answers = idempotency_keys::table
                .filter(idempotency_keys::expires_at.le(Time(since + KEY_LIFETIME)))
                .filter(idempotency_keys::expires_at.gt(Time(now)));
            let answers = on!(conn, |c| answers.count().get_result(c))?;
            let entries = audit::table.filter(audit::position.is_null()).filter(audit::at.le(Time(since)));
            Ok((answers, on!(conn, |c| entries.count().get_result(c))?))
        })
        .await
    }

    /// Goes on without the master key in use, which is lost: deletes what no key opens any more, and brings the present
    /// master key into use.
    ///
    /// # Errors
    /// [`NotSwitched`]; then nothing is deleted.
    pub(crate) async fn replace_lost_master_key(&self) -> Result<(), NotSwitched> {
        let shared = self.shared().clone();
        let number = self.read(generations).await?.len() + 1;
        self.write(Some(event("replace_lost", number)), move |conn, _| {
            let keys = shared.trail_keys()?;
            let known = generations(conn)?;
            let (present, previous) = keys.fingerprints();
            let is_known = |name: &str| name == present || previous == Some(name);
            if known.last().is_some_and(|last| is_known(&last.fingerprint)) {
                return Ok(Err(NotSwitched::NotLost));
            }
            if !try_lock(conn)? {
                return Ok(Err(NotSwitched::Busy));
            }
            delete_sealed(conn)?;
            if known.is_empty() {
                append(conn, &shared, UNRECORDED)?;
            }
            on!(conn, |c| update(master_keys::table)
                .set(master_keys::sealed.eq(None::<Vec<u8>>))
                .execute(c))?;
            append(conn, &shared, present)?;
            let done = master_keys::resealed_at.eq(Some(Time(shared.now())));
            on!(conn, |c| update(master_keys::table).set(done).execute(c))?;
            Ok(Ok(()))
        })
        .await?
    }

    /// Returns the key of the audit trail's chain.
    ///
    /// # Errors
    /// When the database is not available, or another master key is in use.
    pub(crate) async fn chain_key(&self) -> Result<ChainKey, StoreError> {
        let known = self.read(generations).await?;
        self.shared().trail_keys()?.chain_key(&known)
    }
}

/// Brings a master key into use. Its chain key seals from the next position on.
fn append(conn: &mut Connection, shared: &Shared, fingerprint: &str) -> Result<(), StoreError> {
    let number = generations(conn)?.last().map_or(0, |last| last.number) + 1;
    let sealed_up_to = last_seal(conn)?.map_or(0, |(position, _)| position);
    let new = Generation {
        number,
        fingerprint: fingerprint.to_owned(),
        first_position: if number == 1 { 1 } else { sealed_up_to + 1 },
        sealed: None,
        created_at: Time(shared.now()),
        resealed_at: None,
    };
    on!(conn, |c| diesel::insert_into(master_keys::table).values(&new).execute(c))?;
    Ok(())
}

/// Deletes the values that a lost master key has sealed.
fn delete_sealed(conn: &mut Connection) -> Result<(), StoreError> {
    on!(conn, |c| diesel::delete(signing_keys::table).execute(c))?;
    on!(conn, |c| diesel::delete(audit_person_keys::table).execute(c))?;
    on!(conn, |c| diesel::delete(audit_day_keys::table).execute(c))?;
    on!(conn, |c| diesel::delete(outbox::table.filter(outbox::payload.is_not_null())).execute(c))?;
    on!(conn, |c| diesel::delete(pending_registrations::table).execute(c))?;
    on!(conn, |c| diesel::delete(idempotency_keys::table).execute(c))?;
    let imported = users::table.filter(users::password_hash.like(FIREBASE));
    on!(conn, |c| update(imported).set(users::password_hash.eq(None::<String>)).execute(c))?;
    Ok(())
}

fn event(action: &'static str, number: usize) -> AuditEvent {
    AuditEvent {
        by: Actor::Server,
        action,
        resource: "master_key",
        record: Some(number.to_string()),
        owner: None,
        outcome: Outcome::Done,
    }
}
