//! Replay detection: the `jti` of JWTs that are valid for one use. They are client assertions (RFC 7523 §3) and
//! DPoP proofs (RFC 9449 §11.1).

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::domain::Time;
use crate::on;
use crate::store::engine::schema::used_jtis;
use crate::store::{Connection, StoreError, TrustedStore};

impl TrustedStore {
    /// Marks a hashed `jti` as used until it expires. Returns true if this is its first use on any replica.
    ///
    /// # Errors
    /// If the database is unavailable. Then the caller must refuse the JWT.
    pub(crate) async fn use_jti(&self, jti: [u8; 32], expires_at: DateTime<Utc>) -> Result<bool, StoreError> {
        self.write(None, move |conn, _| {
            let row = (used_jtis::hash.eq(jti.as_slice()), used_jtis::expires_at.eq(Time(expires_at)));
            let rows = on!(conn, |c| diesel::insert_into(used_jtis::table)
                .values(row)
                .on_conflict_do_nothing()
                .execute(c))?;
            Ok(rows == 1)
        })
        .await
    }
}

/// Deletes those that have expired.
pub(in crate::store) fn prune(conn: &mut Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(conn, |c| diesel::delete(used_jtis::table.filter(used_jtis::expires_at.le(Time(now)))).execute(c))?;
    Ok(())
}
