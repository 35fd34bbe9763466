//! Revocations of access tokens: written in the transaction of their cause, read by every replica.

use crate::authz::{Actor, AuditEvent, Outcome};
use crate::domain::{Revocation, Revoked, Time, UserId};
use crate::on;
use crate::store::changes::decode;
use crate::store::engine::schema::revocations;
use crate::store::{StoreError, TrustedStore};
use diesel::prelude::*;

/// Number of sequence numbers before the last one that a reader reads again. A sequence number is assigned before
/// its transaction commits, and transactions do not commit in that order.
const OVERLAP: i64 = 1_000;

impl TrustedStore {
    /// Returns the unexpired revocations that may have been committed since sequence number `last`, and the
    /// newest sequence number.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn revocations(&self, last: i64) -> Result<(Vec<Revocation>, i64), StoreError> {
        let now = self.shared().now();
        self.read(move |conn| {
            let rows: Vec<(i64, String, String, i64, Time, Option<String>)> =
                on!(conn, |c| revocations::table
                    .filter(revocations::seq.gt(last - OVERLAP))
                    .filter(revocations::until.gt(Time(now)))
                    .order(revocations::seq)
                    .load(c))?;
            let newest = rows.last().map_or(last, |row| row.0);
            let read = |(_, kind, subject, epoch, until, part): (i64, String, _, _, Time, Option<String>)| {
                let subject = decode(&kind, subject, epoch, part.as_deref())?;
                Some(Revocation { subject, until: until.0 })
            };
            Ok((rows.into_iter().filter_map(read).collect(), newest))
        })
        .await
    }

    /// Revokes the access token with this `jti`. `owner` and `by` are for the audit trail.
    ///
    /// # Errors
    /// If the database is unavailable. Then the token stays valid.
    pub(crate) async fn revoke_token(
        &self,
        jti: String,
        owner: Option<UserId>,
        by: Actor,
    ) -> Result<(), StoreError> {
        let record = Some(jti.clone());
        let event =
            AuditEvent { by, action: "revoke", resource: "token", record, owner, outcome: Outcome::Done };
        let shared = self.shared().clone();
        self.write(Some(event), move |_, changes| {
            changes.revoke(&shared, Revoked::Token(jti.clone()));
            Ok(())
        })
        .await
    }
}
