//! Replay detection: the `jti` of JWTs that are valid for one use. They are client assertions (RFC 7523 §3) and
//! DPoP proofs (RFC 9449 §11.1).

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::domain::Time;
use crate::on;
use crate::store::engine::schema::used_jtis;
use crate::store::{Connection, StoreError, TrustedStore};

/// Most rows of one share that have not expired. A client that makes a new assertion for each request and lets it
/// live for a minute can send 300 in a second.
const MOST_OF_A_SHARE: i64 = 20_000;

/// A JWT that is valid for one use.
#[derive(Clone, Debug)]
pub(crate) struct OneTimeJwt {
    /// Hash of its `jti`.
    pub(crate) jti: [u8; 32],
    /// Hash of the key or the client that made it. Each of them has a share of the table, so that none fills it
    /// for the others.
    pub(crate) share: [u8; 32],
    /// Time until which the use is stored.
    pub(crate) expires_at: DateTime<Utc>,
}

impl TrustedStore {
    /// Uses up a JWT.
    ///
    /// # Errors
    /// [`StoreError::JtiUsed`] unless this is the first use on any replica; [`StoreError::TooManyJtis`] if its
    /// share is full. If the database is unavailable, the caller must refuse the JWT.
    pub(crate) async fn use_up(&self, jwt: OneTimeJwt) -> Result<(), StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, _| use_up(conn, &jwt, shared.now())).await
    }
}

/// Uses up a JWT in the transaction of what it is for. Its error rolls the transaction back, so a refused request
/// writes nothing.
///
/// # Errors
/// See [`TrustedStore::use_up`].
pub(in crate::store) fn use_up(
    conn: &mut Connection,
    jwt: &OneTimeJwt,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let of_share = used_jtis::table
        .filter(used_jtis::share.eq(jwt.share.as_slice()))
        .filter(used_jtis::expires_at.gt(Time(now)));
    let stored: i64 = on!(conn, |c| of_share.count().get_result(c))?;
    if stored >= MOST_OF_A_SHARE {
        return Err(StoreError::TooManyJtis);
    }
    let row = (
        used_jtis::hash.eq(jwt.jti.as_slice()),
        used_jtis::expires_at.eq(Time(jwt.expires_at)),
        used_jtis::share.eq(Some(jwt.share.as_slice())),
    );
    let insert = diesel::insert_into(used_jtis::table).values(row).on_conflict_do_nothing();
    let rows = on!(conn, |c| insert.execute(c))?;
    if rows == 1 { Ok(()) } else { Err(StoreError::JtiUsed) }
}
