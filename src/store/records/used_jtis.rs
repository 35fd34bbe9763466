//! Signed statements that are good for one use: a client's assertion (RFC 7523 §3), a proof of
//! possession (RFC 9449 §11.1).

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::domain::Time;
use crate::on;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::schema::used_jtis;
use crate::store::trusted::TrustedStore;

impl TrustedStore {
    /// Uses a statement up: whether this was its first use, on any replica. It is remembered until
    /// it expires.
    ///
    /// # Errors
    /// When the database is away; then it is not to be believed.
    pub(crate) async fn use_up(&self, jti: [u8; 32], expires_at: DateTime<Utc>) -> Result<bool, StoreError> {
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

/// Forgets those that nobody would believe any more.
pub(in crate::store) fn prune(conn: &mut Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(conn, |c| diesel::delete(used_jtis::table.filter(used_jtis::expires_at.le(Time(now)))).execute(c))?;
    Ok(())
}
