//! Users of external issuers. Only the pair of issuer and subject identifies an account. The e-mail address in a
//! token does not: an attacker who can choose it must not get into the account that has this address here.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;

use crate::authz::RoleGrant;
use crate::domain::{Email, ExternalUser, Identity, LinkedUser, Status, Time, UserId};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{departed_identities, identities, users};
use crate::store::shared::Shared;
use crate::store::{Connection, NewUser, StoreError, TrustedStore};

/// Time that the identity of a deleted account is remembered, to refuse tokens that were issued before. It is
/// longer than the lifetime of any access token should be.
pub(in crate::store) const DELETION_RETENTION: chrono::Duration = chrono::Duration::days(30);

/// Number of attempts. Concurrent first requests of a user conflict, and one of them succeeds in each attempt.
const ATTEMPTS: u32 = 3;

impl TrustedStore {
    /// Returns the account of a user of an external issuer. Creates it if there is none and the issuer may
    /// provision accounts. Concurrent calls create one account.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn linked_or_new_user(
        &self,
        external: &Arc<ExternalUser>,
    ) -> Result<Option<LinkedUser>, StoreError> {
        for _ in 0..ATTEMPTS {
            let found = self.linked_user(external).await?;
            if found.is_some() || !external.provision {
                return Ok(found);
            }
            let (shared, new) = (self.shared().clone(), Arc::clone(external));
            match self.write(None, move |conn, _| shared.provision(conn, &new)).await {
                // A concurrent call created the account, or took the address.
                Err(StoreError::Taken) => {}
                done => return done,
            }
        }
        Err(StoreError::Unavailable("concurrent requests created the same account".to_owned()))
    }

    /// Returns the account of a user of an external issuer, without creating one.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn linked_user(
        &self,
        external: &Arc<ExternalUser>,
    ) -> Result<Option<LinkedUser>, StoreError> {
        let (shared, known) = (self.shared().clone(), Arc::clone(external));
        self.read(move |conn| shared.linked_user_of(conn, &known.identity)).await
    }
}

impl Shared {
    fn linked_user_of(
        &self,
        conn: &mut Connection,
        identity: &Identity,
    ) -> Result<Option<LinkedUser>, StoreError> {
        let user: Option<UserId> = on!(conn, |c| identities::table
            .filter(identities::issuer.eq(&identity.issuer))
            .filter(identities::subject.eq(&identity.subject))
            .select(identities::user_id)
            .get_result(c)
            .optional())?;
        let Some(user) = user else { return Ok(None) };
        let Some(account) = self.account_state_of(conn, user)? else { return Ok(None) };
        Ok(Some(LinkedUser { user, state: account, departed_at: deleted_at(conn, identity)? }))
    }

    /// Creates an account, unless it exists by now. A token that was issued before an earlier account was deleted
    /// does not create it again: the token that deleted the account could.
    fn provision(
        &self,
        conn: &mut Connection,
        external: &ExternalUser,
    ) -> Result<Option<LinkedUser>, StoreError> {
        let ExternalUser { identity, issued_at, .. } = external;
        if let Some(linked) = self.linked_user_of(conn, identity)? {
            return Ok(Some(linked));
        }
        let deleted = deleted_at(conn, identity)?;
        if deleted.is_some_and(|at| issued_at.timestamp() <= at.timestamp()) {
            return Ok(None);
        }
        let now = self.now();
        let verified = match &external.email {
            Some(email) if is_free(conn, email)? => Some(email.clone()),
            _ => None,
        };
        let free = verified.is_some();
        let email = match verified {
            Some(email) => email,
            None => Email::placeholder(self.new_uuid(now)?),
        };
        let profile = external.profile.clone();
        let new = NewUser { email, password: None, profile, status: Status::Active, external_id: None };
        let user = self.insert_user(conn, &new, &RoleGrant::for_foreign_user())?.id;
        if free {
            let this = users::table.filter(users::id.eq(user));
            on!(conn, |c| update(this).set(users::email_verified.eq(true)).execute(c))?;
        }
        let row = (
            identities::issuer.eq(&identity.issuer),
            identities::subject.eq(&identity.subject),
            identities::user_id.eq(user),
            identities::created_at.eq(Time(now)),
        );
        on!(conn, |c| diesel::insert_into(identities::table).values(row).execute(c))?;
        self.linked_user_of(conn, identity)
    }

    /// Records that the identities of a user are about to be deleted with the account.
    pub(in crate::store) fn record_deletion(
        &self,
        conn: &mut Connection,
        user: UserId,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let deleted: Vec<(String, String)> = on!(conn, |c| identities::table
            .filter(identities::user_id.eq(user))
            .select((identities::issuer, identities::subject))
            .load(c))?;
        for (issuer, subject) in deleted {
            let row = (
                departed_identities::issuer.eq(issuer),
                departed_identities::subject.eq(subject),
                departed_identities::departed_at.eq(Time(now)),
            );
            on!(conn, |c| diesel::insert_into(departed_identities::table)
                .values(row)
                .on_conflict((departed_identities::issuer, departed_identities::subject))
                .do_update()
                .set(departed_identities::departed_at.eq(excluded(departed_identities::departed_at)))
                .execute(c))?;
        }
        Ok(())
    }
}

fn deleted_at(conn: &mut Connection, identity: &Identity) -> Result<Option<DateTime<Utc>>, StoreError> {
    let at: Option<Time> = on!(conn, |c| departed_identities::table
        .filter(departed_identities::issuer.eq(&identity.issuer))
        .filter(departed_identities::subject.eq(&identity.subject))
        .select(departed_identities::departed_at)
        .get_result(c)
        .optional())?;
    Ok(at.map(|time| time.0))
}

/// Returns true if no account has the address. An account with the address is never used.
fn is_free(conn: &mut Connection, email: &Email) -> Result<bool, StoreError> {
    let taken: i64 =
        on!(conn, |c| users::table.filter(users::email_key.eq(email.key())).count().get_result(c))?;
    Ok(taken == 0)
}
