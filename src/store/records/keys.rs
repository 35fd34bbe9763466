//! Signing keys. Their private halves are sealed. A transaction that changes the set of keys locks it, so that two
//! replicas never rotate at the same time.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use crate::authz::Resource as _;
use crate::authz::action::{Action as _, List, Retire, Rotate};
use crate::authz::{Actor, Allowed, AuditEvent, Caller, Outcome, Reach, RowFilter, Sealed};
use crate::domain::{KeyLifecycle, SigningKey, StoredKey, Time};
use crate::on;
use crate::store::audit::generations::generations;
use crate::store::changes::Changes;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::signing_keys;
use crate::store::renewed::Authorization;
use crate::store::shared::Shared;
use crate::store::{Connection, Link, Lookup, Store, StoreError, Stored, TrustedStore};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys)]
struct KeyRow {
    kid: String,
    algorithm: String,
    sealed: Vec<u8>,
    public_jwk: String,
    created_at: Time,
    signs_from: Time,
    retired_at: Option<Time>,
}

impl From<StoredKey> for KeyRow {
    fn from(stored: StoredKey) -> Self {
        let SigningKey { kid, algorithm, created_at, signs_from, retired_at } = stored.key;
        Self {
            kid,
            algorithm,
            sealed: stored.sealed,
            public_jwk: stored.public_jwk,
            created_at: Time(created_at),
            signs_from: Time(signs_from),
            retired_at: retired_at.map(Time),
        }
    }
}

impl From<KeyRow> for StoredKey {
    fn from(row: KeyRow) -> Self {
        let key = SigningKey {
            kid: row.kid,
            algorithm: row.algorithm,
            created_at: row.created_at.0,
            signs_from: row.signs_from.0,
            retired_at: row.retired_at.map(|at| at.0),
        };
        Self { key, sealed: row.sealed, public_jwk: row.public_jwk }
    }
}

impl Stored for SigningKey {
    async fn find(lookup: Lookup<'_, Self>, kid: String, _: RowFilter) -> Result<Sealed<Self>, StoreError> {
        let named = move |stored: StoredKey| (stored.key.kid == kid).then_some(stored.key);
        lookup.record(move |conn| Ok(load(conn)?.into_iter().find_map(&named))).await
    }
}

impl Store {
    /// Returns all signing keys without their private halves, oldest first.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn keys(&self, _may: &Reach<SigningKey, List>) -> Result<Vec<SigningKey>, StoreError> {
        Ok(self.read(load).await?.into_iter().map(|stored| stored.key).collect())
    }

    /// Inserts the next signing key. Returns all keys.
    ///
    /// # Errors
    /// If the database is unavailable. Then the key was not inserted.
    pub async fn rotate_keys(
        &self,
        may: Reach<SigningKey, Rotate>,
        key: StoredKey,
    ) -> Result<Vec<StoredKey>, StoreError> {
        let by = Authorization::with_event(&may, Some(AuditEvent::created(&may, &key.key.kid)));
        let shared = self.shared().clone();
        self.write_idempotent(by, move |conn, changes| {
            lock(conn)?;
            insert(conn, changes, &shared, &key)?;
            load(conn)
        })
        .await
    }

    /// Retires a key at once and deletes its private half. If it was the signing key and there is
    /// a `spare`, another key signs at once: the next one if there is one, or else `spare`. Returns that key.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if the key was retired meanwhile.
    pub async fn retire_key(
        &self,
        key: Allowed<SigningKey, Retire>,
        spare: Option<StoredKey>,
    ) -> Result<Option<SigningKey>, StoreError> {
        let (by, shared) = (Authorization::of(&key), self.shared().clone());
        self.write(by, move |conn, changes| {
            let (keys, now) = (lock(conn)?, shared.now());
            let signing = shared.lifecycle(&keys).signing(&key.algorithm, now).map(|key| key.kid.clone());
            retire(conn, changes, &key.kid, now)?;
            let Some(spare) = spare.as_ref().filter(|_| signing.as_ref() == Some(&key.kid)) else {
                return Ok(None);
            };
            let keys = load(conn)?;
            let next = match shared.lifecycle(&keys).signing(&key.algorithm, now).cloned() {
                Some(next) => {
                    let this = signing_keys::table.filter(signing_keys::kid.eq(&next.kid));
                    let early = signing_keys::signs_from.eq(Time(now));
                    on!(conn, |c| update(this).set(early).execute(c))?;
                    SigningKey { signs_from: now, ..next }
                }
                None => {
                    let mut spare = spare.clone();
                    spare.key.signs_from = now;
                    insert(conn, changes, &shared, &spare)?;
                    spare.key
                }
            };
            shared.append_event(conn, &rotation_event(Some(key.by()), &next.kid))?;
            Ok(Some(next))
        })
        .await
    }
}

impl TrustedStore {
    /// Returns all signing keys, oldest first.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn signing_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.read(load).await
    }

    /// Replaces all keys with `key`, for the test server.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn replace_keys(&self, key: StoredKey) -> Result<Vec<StoredKey>, StoreError> {
        self.write(None, |conn, _| Ok(on!(conn, |c| diesel::delete(signing_keys::table).execute(c))?))
            .await?;
        self.add_first_key(key).await
    }

    /// Inserts `key` unless a key signs with its algorithm already. When two replicas start together, both use the
    /// key of the first. Returns all keys.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn add_first_key(&self, key: StoredKey) -> Result<Vec<StoredKey>, StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, changes| {
            let keys = lock(conn)?;
            if shared.lifecycle(&keys).signing(&key.key.algorithm, shared.now()).is_none() {
                insert(conn, changes, &shared, &key)?;
            }
            load(conn)
        })
        .await
    }

    /// Inserts the next signing key if rotation is due: each key of an algorithm signs for `every`. The server
    /// calls it at intervals. Returns all keys if it inserted one.
    ///
    /// # Errors
    /// If the database is unavailable. Then the key was not inserted.
    pub(crate) async fn rotate_keys_when_due(
        &self,
        key: StoredKey,
        every: TimeDelta,
    ) -> Result<Option<Vec<StoredKey>>, StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, changes| {
            let keys = lock(conn)?;
            if !shared.lifecycle(&keys).is_due(&key.key.algorithm, every, shared.now()) {
                return Ok(None);
            }
            shared.append_event(conn, &rotation_event(None, &key.key.kid))?;
            insert(conn, changes, &shared, &key)?;
            load(conn).map(Some)
        })
        .await
    }

    /// Deletes keys that no token needs any more.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn prune_keys(&self) -> Result<(), StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, _| {
            let keys = lock(conn)?;
            let lifecycle = shared.lifecycle(&keys);
            let kids: Vec<&str> = lifecycle.deletable(shared.now()).map(|key| key.kid.as_str()).collect();
            let forgotten = signing_keys::table.filter(signing_keys::kid.eq_any(&kids));
            on!(conn, |c| diesel::delete(forgotten).execute(c))?;
            Ok(())
        })
        .await
    }
}

impl Shared {
    fn lifecycle<'a>(&self, keys: &'a [StoredKey]) -> KeyLifecycle<'a> {
        KeyLifecycle::new(keys.iter().map(|stored| &stored.key), self.lifetimes.access_token)
    }
}

/// Returns the audit event of a new signing key. Without a caller the actor is the server.
fn rotation_event(by: Option<&Caller>, kid: &str) -> AuditEvent {
    AuditEvent {
        by: by.cloned().map_or(Actor::Server, Actor::Caller),
        action: Rotate::NAME,
        resource: SigningKey::NAME,
        record: Some(kid.to_owned()),
        owner: None,
        outcome: Outcome::Done,
    }
}

/// Locks the set of keys until the transaction ends, and returns it.
fn lock(conn: &mut Connection) -> Result<Vec<StoredKey>, StoreError> {
    if let Link::Postgres(c) = conn.link() {
        diesel::sql_query("LOCK TABLE signing_keys IN EXCLUSIVE MODE").execute(c)?;
    }
    load(conn)
}

fn load(conn: &mut Connection) -> Result<Vec<StoredKey>, StoreError> {
    let rows: Vec<KeyRow> = on!(conn, |c| signing_keys::table
        .order((signing_keys::created_at, signing_keys::kid))
        .select(KeyRow::as_select())
        .load(c))?;
    Ok(rows.into_iter().map(StoredKey::from).collect())
}

/// Inserts a key. A server that still runs with a master key that was replaced as lost seals no key, because no other
/// server could open it.
fn insert(
    conn: &mut Connection,
    changes: &mut Changes,
    shared: &Shared,
    key: &StoredKey,
) -> Result<(), StoreError> {
    shared.trail_keys()?.check_in_use(&generations(conn)?)?;
    let row = KeyRow::from(key.clone());
    on!(conn, |c| diesel::insert_into(signing_keys::table).values(&row).execute(c))?;
    changes.keys = true;
    Ok(())
}

fn retire(
    conn: &mut Connection,
    changes: &mut Changes,
    kid: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let this = signing_keys::table.filter(signing_keys::kid.eq(kid).and(signing_keys::retired_at.is_null()));
    let retired =
        (signing_keys::retired_at.eq(Some(Time(now))), signing_keys::sealed.eq([].as_slice() as &[u8]));
    if on!(conn, |c| update(this).set(retired).execute(c))? != 1 {
        return Err(StoreError::Changed);
    }
    changes.keys = true;
    Ok(())
}
