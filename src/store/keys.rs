//! Signing keys, sealed.

use diesel::prelude::*;

use super::Store;
use super::conn::{Connection, Link};
use super::error::StoreError;
use super::schema::signing_keys;
use crate::domain::{StoredKey, Time};
use crate::on;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys)]
struct KeyRow {
    kid: String,
    algorithm: String,
    sealed: Vec<u8>,
    public_jwk: String,
    created_at: Time,
}

impl From<StoredKey> for KeyRow {
    fn from(key: StoredKey) -> Self {
        Self {
            kid: key.kid,
            algorithm: key.algorithm,
            sealed: key.sealed,
            public_jwk: key.public_jwk,
            created_at: Time(key.created_at),
        }
    }
}

impl From<KeyRow> for StoredKey {
    fn from(row: KeyRow) -> Self {
        Self {
            kid: row.kid,
            algorithm: row.algorithm,
            sealed: row.sealed,
            public_jwk: row.public_jwk,
            created_at: row.created_at.0,
        }
    }
}

impl Store {
    /// Every signing key, oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn signing_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.read(load).await
    }

    /// Keeps `key` unless there is one for its algorithm already, as when two replicas start
    /// together: then both use the first one's.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn add_first_key(&self, key: StoredKey) -> Result<Vec<StoredKey>, StoreError> {
        self.write(None, move |conn, _| {
            if let Link::Postgres(c) = conn.link() {
                diesel::sql_query("LOCK TABLE signing_keys IN EXCLUSIVE MODE").execute(c)?;
            }
            if load(conn)?.iter().all(|other| other.algorithm != key.algorithm) {
                let row = KeyRow::from(key);
                on!(conn, |c| diesel::insert_into(signing_keys::table).values(&row).execute(c))?;
            }
            load(conn)
        })
        .await
    }
}

fn load(conn: &mut Connection) -> Result<Vec<StoredKey>, StoreError> {
    let rows: Vec<KeyRow> = on!(conn, |c| signing_keys::table
        .order((signing_keys::created_at, signing_keys::kid))
        .select(KeyRow::as_select())
        .load(c))?;
    Ok(rows.into_iter().map(StoredKey::from).collect())
}
