//! Login attempts: the stored password is read and the attempt is counted, in one transaction. This is the only
//! place where a password hash leaves the database, apart from an export.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::rate_limits::{count, refund};
use super::tombstones::alive;
use crate::domain::{LoginAttempt, Network, PasswordHash, Status, Time, TooMany, UserId};
use crate::on;
use crate::store::engine::schema::{sessions, users};
use crate::store::{Connection, CountedAttempt, Settled, StoreError, TrustedStore};

/// The password of a user, for comparison.
pub struct StoredPassword {
    /// The user.
    pub user_id: UserId,
    /// The hash; `None` if no password was ever set, or if the account is not active. Such an account is treated
    /// like an unknown one, so that no answer tells whether the password was right.
    pub hash: Option<PasswordHash>,
}

impl TrustedStore {
    /// Returns the stored password that an attempt is checked against, if the account exists. If `limited`, the
    /// attempt is counted as a failed one first.
    ///
    /// # Errors
    /// If the database is unavailable. Then nothing is counted.
    pub(crate) async fn count_attempt(
        &self,
        attempt: LoginAttempt,
        limited: bool,
    ) -> Result<Settled<(Option<StoredPassword>, CountedAttempt), TooMany>, StoreError> {
        if !limited {
            let stored = self.read(move |conn| stored_password(conn, &attempt)).await?;
            return Ok(Settled::Granted((stored, CountedAttempt::default())));
        }
        let shared = self.shared().clone();
        self.write(None, move |conn, _| {
            let now = shared.now();
            let stored = stored_password(conn, &attempt)?;
            let is_known = has_session_in_network(conn, stored.as_ref(), &attempt, now)?;
            Ok(match count(conn, &attempt.buckets(is_known), now)? {
                Settled::Granted(counted) => Settled::Granted((stored, counted)),
                Settled::Refused(too_many) => Settled::Refused(too_many),
            })
        })
        .await
    }

    /// Undoes the count of an attempt that succeeded or was not checked.
    ///
    /// # Errors
    /// If the database is unavailable. Then the attempt counts.
    pub(crate) async fn refund_attempt(&self, attempt: CountedAttempt) -> Result<(), StoreError> {
        if attempt.is_unlimited() {
            return Ok(());
        }
        self.write(None, move |conn, _| refund(conn, &attempt)).await
    }
}

fn stored_password(
    conn: &mut Connection,
    attempt: &LoginAttempt,
) -> Result<Option<StoredPassword>, StoreError> {
    let row: Option<(UserId, Option<String>, String)> = on!(conn, |c| users::table
        .filter(users::email_key.eq(&attempt.account))
        .select((users::id, users::password_hash, users::status))
        .get_result(c)
        .optional())?;
    Ok(row.map(|(user_id, phc, status)| {
        let phc = phc.filter(|_| status == Status::Active.as_str() || fault!(suspended_login));
        StoredPassword { user_id, hash: phc.map(PasswordHash::from_phc) }
    }))
}

/// Returns true if the user has a session that began in the network of the attempt.
fn has_session_in_network(
    conn: &mut Connection,
    stored: Option<&StoredPassword>,
    attempt: &LoginAttempt,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    // The query runs for an unknown account too: both take the same time.
    let user = stored.map(|stored| stored.user_id);
    let network = attempt.address.map(|address| Network::of(address).to_string());
    let address = attempt.address.map(|address| address.to_canonical().to_string());
    // Sessions of version 0.1 have an address alone.
    let began_there =
        sessions::network.eq(network).or(sessions::network.is_null().and(sessions::address.eq(address)));
    let session = sessions::table
        .filter(sessions::user_id.nullable().eq(user))
        .filter(began_there)
        .filter(sessions::expires_at.gt(Time(now)))
        .filter(alive!(sessions));
    Ok(on!(conn, |c| diesel::select(diesel::dsl::exists(session)).get_result(c))?)
}
