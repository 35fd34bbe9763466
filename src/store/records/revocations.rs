//! What ends tokens early: written in the transaction of its cause, read by every replica.

use crate::authz::{Actor, AuditEvent, Outcome};
use crate::domain::{Revocation, Revoked, Time, UserId};
use crate::on;
use crate::store::changes::decode;
use crate::store::engine::error::StoreError;
use crate::store::engine::schema::revocations;
use crate::store::trusted::TrustedStore;
use diesel::prelude::*;

/// A reader looks this many numbers behind the last one it saw: numbers are given out before
/// their transactions end, and transactions do not end in order.
const OVERLAP: i64 = 1_000;

impl TrustedStore {
    /// The revocations that still matter and may have come after number `last`, and the number of
    /// the newest one.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn revocations(&self, last: i64) -> Result<(Vec<Revocation>, i64), StoreError> {
        let now = self.shared().now();
        self.read(move |conn| {
            let rows: Vec<(i64, String, String, i64, Time)> = on!(conn, |c| revocations::table
                .filter(revocations::seq.gt(last - OVERLAP))
                .filter(revocations::until.gt(Time(now)))
                .order(revocations::seq)
                .load(c))?;
            let newest = rows.last().map_or(last, |row| row.0);
            let read = |(_, kind, subject, epoch, until)| decode(kind, subject, epoch, until);
            Ok((rows.into_iter().filter_map(read).collect(), newest))
        })
        .await
    }

    /// Ends the one access token with this `jti`; whose it is and who asks, for the audit trail.
    ///
    /// # Errors
    /// When the database is away; then the token is as good as before.
    pub(crate) async fn revoke_token(
        &self,
        jti: String,
        owner: Option<UserId>,
        by: Actor,
    ) -> Result<(), StoreError> {
        let record = Some(jti.clone());
        let deed =
            AuditEvent { by, action: "revoke", resource: "token", record, owner, outcome: Outcome::Done };
        let inner = self.shared().clone();
        self.write(Some(deed), move |_, changes| {
            changes.revoke(&inner, Revoked::Token(jti.clone()));
            Ok(())
        })
        .await
    }
}
