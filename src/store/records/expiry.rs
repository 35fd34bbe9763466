//! Deletion of expired records.

use diesel::prelude::*;

use super::{codes, idempotency, rate_limits, refresh_token_rows, used_jtis};
use crate::domain::Time;
use crate::on;
use crate::store::engine::schema::{revocations, sessions};
use crate::store::{StoreError, TrustedStore};

/// Time that a code is kept after its expiry, so that its reuse is detected.
const CODE_RETENTION: chrono::Duration = chrono::Duration::hours(24);

impl TrustedStore {
    /// Deletes expired records of all kinds.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn prune(&self) -> Result<(), StoreError> {
        let now = self.shared().now();
        self.write(None, move |conn, _| {
            let expired = revocations::table.filter(revocations::until.le(Time(now)));
            on!(conn, |c| diesel::delete(expired).execute(c))?;
            codes::prune(conn, now - CODE_RETENTION)?;
            refresh_token_rows::prune(conn, now)?;
            used_jtis::prune(conn, now)?;
            rate_limits::prune(conn, now)?;
            idempotency::prune(conn, now)?;
            on!(conn, |c| diesel::delete(sessions::table.filter(sessions::expires_at.le(Time(now))))
                .execute(c))?;
            Ok(())
        })
        .await
    }
}
