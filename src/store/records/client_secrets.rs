//! Hashes of client secrets.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::domain::{SecretAge, SecretHash, Time};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::client_secrets;
use crate::store::{Connection, StoreError};

/// A valid secret.
#[derive(Queryable, Selectable)]
#[diesel(table_name = client_secrets)]
pub(in crate::store) struct SecretRow {
    hash: Vec<u8>,
    client_id: String,
    created_at: Time,
    expires_at: Option<Time>,
}

impl SecretRow {
    fn age(&self) -> SecretAge {
        SecretAge { created_at: self.created_at.0, expires_at: self.expires_at.map(|time| time.0) }
    }

    pub(in crate::store) fn hash(self) -> Result<SecretHash, StoreError> {
        let hash = self.hash.try_into().map(SecretHash::from_bytes);
        hash.map_err(|_| StoreError::Internal("a stored secret cannot be read".to_owned()))
    }
}

/// Condition of the secrets that are valid at `now`.
#[diesel::dsl::auto_type]
pub(in crate::store) fn valid_at(now: Time) -> _ {
    client_secrets::expires_at.is_null().or(client_secrets::expires_at.gt(now).assume_not_null())
}

/// Returns the secrets of these clients that are valid at `now`.
pub(in crate::store) fn load(
    conn: &mut Connection,
    clients: &[&str],
    now: DateTime<Utc>,
) -> Result<Vec<SecretRow>, StoreError> {
    Ok(on!(conn, |c| client_secrets::table
        .filter(client_secrets::client_id.eq_any(clients))
        .filter(valid_at(Time(now)))
        .order(client_secrets::created_at.desc())
        .select(SecretRow::as_select())
        .load(c))?)
}

/// Returns the ages of a client's secrets. The newest, which has no expiry, comes first.
pub(in crate::store) fn ages(secrets: &[SecretRow], client: &str) -> Vec<SecretAge> {
    let mut ages: Vec<SecretAge> =
        secrets.iter().filter(|kept| kept.client_id == client).map(SecretRow::age).collect();
    ages.sort_by_key(|age| age.expires_at.is_some());
    ages
}

pub(in crate::store) fn insert(
    conn: &mut Connection,
    client: &str,
    secret: &SecretHash,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = (
        client_secrets::hash.eq(secret.as_bytes().as_slice()),
        client_secrets::client_id.eq(client),
        client_secrets::created_at.eq(Time(now)),
    );
    on!(conn, |c| diesel::insert_into(client_secrets::table).values(row).execute(c))?;
    Ok(())
}

/// Sets the expiry of the newest secret to `until` and deletes those that already had an expiry: a client has at
/// most two secrets. Returns true if a valid secret ended by this.
pub(in crate::store) fn expire(
    conn: &mut Connection,
    client: &str,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let of_client = client_secrets::table.filter(client_secrets::client_id.eq(client));
    // A secret that has expired must not get a new expiry below.
    let expired = of_client.filter(client_secrets::expires_at.le(Time(now)));
    on!(conn, |c| diesel::delete(expired).execute(c))?;
    let expiring = of_client.filter(client_secrets::expires_at.is_not_null());
    let ended = on!(conn, |c| diesel::delete(expiring).execute(c))?;
    if until <= now {
        return Ok(remove_all(conn, client)? + ended > 0);
    }
    on!(conn, |c| update(of_client).set(client_secrets::expires_at.eq(Time(until))).execute(c))?;
    Ok(ended > 0)
}

/// Deletes the secrets of a client. Returns how many there were.
pub(in crate::store) fn remove_all(conn: &mut Connection, client: &str) -> Result<usize, StoreError> {
    let of_client = client_secrets::table.filter(client_secrets::client_id.eq(client));
    Ok(on!(conn, |c| diesel::delete(of_client).execute(c))?)
}
