//! Replay detection: the `jti` of JWTs that are valid for one use. They are client assertions (RFC 7523 §3) and
//! DPoP proofs (RFC 9449 §11.1).

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
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

/// The JWTs of a request, which are used up in the transaction of what it does.
#[derive(Clone, Debug, Default)]
pub(crate) struct OneTimeJwts {
    /// Assertion by which the client authenticated.
    pub(crate) assertion: Option<OneTimeJwt>,
    /// Proof that the client holds a key.
    pub(crate) proof: Option<OneTimeJwt>,
}

impl TrustedStore {
    /// Returns true when the JWT was used before on any replica. It may be used by another request meanwhile, so
    /// [`OneTimeJwts::use_up`] decides.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn is_used_up(&self, jwt: &OneTimeJwt) -> Result<bool, StoreError> {
        let jti = jwt.jti;
        self.read_by_key(move |conn| {
            let used = used_jtis::table.find(jti.as_slice());
            Ok(on!(conn, |c| diesel::select(exists(used)).get_result(c))?)
        })
        .await
    }

    /// Uses up the JWTs of a request that changes nothing else. Writes nothing if there are none.
    ///
    /// # Errors
    /// See [`OneTimeJwts::use_up`]. If the database is unavailable, the request must be refused.
    pub(crate) async fn use_up(&self, jwts: OneTimeJwts) -> Result<(), StoreError> {
        if jwts.assertion.is_none() && jwts.proof.is_none() {
            return Ok(());
        }
        let shared = self.shared().clone();
        self.write(None, move |conn, _| jwts.use_up(conn, shared.now())).await
    }
}

impl OneTimeJwts {
    /// Uses up the JWTs in the transaction of what they are for. An error rolls the transaction back, so a refused
    /// request writes nothing.
    ///
    /// # Errors
    /// [`StoreError::AssertionUsed`]; [`StoreError::ProofUsed`] unless this is the first use on any replica;
    /// [`StoreError::TooManyProofs`] if the share of the key is full.
    pub(in crate::store) fn use_up(
        &self,
        conn: &mut Connection,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if let Some(assertion) = &self.assertion {
            match use_up(conn, assertion, now)? {
                Use::First => {}
                Use::Repeated | Use::OneTooMany => return Err(StoreError::AssertionUsed),
            }
        }
        if let Some(proof) = &self.proof {
            match use_up(conn, proof, now)? {
                Use::First => {}
                Use::Repeated => return Err(StoreError::ProofUsed),
                Use::OneTooMany => return Err(StoreError::TooManyProofs),
            }
        }
        Ok(())
    }
}

/// Use of a JWT.
enum Use {
    /// The first use on any replica.
    First,
    /// The JWT was used before.
    Repeated,
    /// The share is full.
    OneTooMany,
}

fn use_up(conn: &mut Connection, jwt: &OneTimeJwt, now: DateTime<Utc>) -> Result<Use, StoreError> {
    let of_share = used_jtis::table
        .filter(used_jtis::share.eq(jwt.share.as_slice()))
        .filter(used_jtis::expires_at.gt(Time(now)));
    let stored: i64 = on!(conn, |c| of_share.count().get_result(c))?;
    if stored >= MOST_OF_A_SHARE {
        return Ok(Use::OneTooMany);
    }
    let row = (
        used_jtis::hash.eq(jwt.jti.as_slice()),
        used_jtis::expires_at.eq(Time(jwt.expires_at)),
        used_jtis::share.eq(Some(jwt.share.as_slice())),
    );
    let insert = diesel::insert_into(used_jtis::table).values(row).on_conflict_do_nothing();
    let rows = on!(conn, |c| insert.execute(c))?;
    Ok(if rows == 1 { Use::First } else { Use::Repeated })
}
