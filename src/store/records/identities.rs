//! Who other issuers' users are here. The pair of issuer and subject leads to an account, and
//! nothing else does: whoever can have an address written into a token of another issuer must not
//! get into the account of whoever has the address here.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::users::NewUser;
use crate::authz::RoleGrant;
use crate::domain::{Email, ExternalUser, Identity, LinkedUser, ProfileChange, Status, Time, UserId};
use crate::on;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{departed_identities, identities, users};
use crate::store::shared::Shared;
use crate::store::trusted::TrustedStore;

/// For how long a deleted account's identity is kept from what was issued before: longer than any
/// access token should live.
const DEPARTURES_KEPT: chrono::Duration = chrono::Duration::days(30);

/// Several first calls at once get into each other's way; one of them is through after each try.
const TRIES: u32 = 3;

impl TrustedStore {
    /// Who a user of another issuer is here, if anybody. An account is made for them if they have
    /// none and their issuer is trusted that far; many calls at once make one.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn linked_or_new_user(
        &self,
        external: &Arc<ExternalUser>,
    ) -> Result<Option<LinkedUser>, StoreError> {
        for _ in 0..TRIES {
            let found = self.linked_user(external).await?;
            if found.is_some() || !external.provision {
                return Ok(found);
            }
            let (inner, new) = (self.shared().clone(), Arc::clone(external));
            match self.write(None, move |conn, _| inner.welcome(conn, &new)).await {
                // Another call made the account, or took the address, at the same moment.
                Err(StoreError::Taken) => {}
                done => return done,
            }
        }
        Err(StoreError::Unavailable("several made the same account at once".to_owned()))
    }

    /// The same, and no account is made.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn linked_user(
        &self,
        external: &Arc<ExternalUser>,
    ) -> Result<Option<LinkedUser>, StoreError> {
        let (inner, known) = (self.shared().clone(), Arc::clone(external));
        self.read(move |conn| inner.linked_user_of(conn, &known.identity)).await
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
        let Some(standing) = self.standing_of(conn, user)? else { return Ok(None) };
        Ok(Some(LinkedUser { user, standing, departed_at: departed_at(conn, identity)? }))
    }

    /// Makes the account, unless it is there by now, or an earlier one was deleted after the token
    /// was issued: it would come back by the very token that deleted it.
    fn welcome(
        &self,
        conn: &mut Connection,
        external: &ExternalUser,
    ) -> Result<Option<LinkedUser>, StoreError> {
        let ExternalUser { identity, issued_at, .. } = external;
        if let Some(linked) = self.linked_user_of(conn, identity)? {
            return Ok(Some(linked));
        }
        let departed = departed_at(conn, identity)?;
        if departed.is_some_and(|at| issued_at.timestamp() <= at.timestamp()) {
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
        let profile = ProfileChange::default();
        let new = NewUser { email, password: None, profile, status: Status::Active };
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

    /// The user's account is about to be deleted, and with it whom it belongs to elsewhere.
    pub(in crate::store) fn depart(&self, conn: &mut Connection, user: UserId) -> Result<(), StoreError> {
        let now = self.now();
        let old = departed_identities::departed_at.lt(Time(now - DEPARTURES_KEPT));
        on!(conn, |c| diesel::delete(departed_identities::table.filter(old)).execute(c))?;
        let left: Vec<(String, String)> = on!(conn, |c| identities::table
            .filter(identities::user_id.eq(user))
            .select((identities::issuer, identities::subject))
            .load(c))?;
        for (issuer, subject) in left {
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

fn departed_at(conn: &mut Connection, identity: &Identity) -> Result<Option<DateTime<Utc>>, StoreError> {
    let at: Option<Time> = on!(conn, |c| departed_identities::table
        .filter(departed_identities::issuer.eq(&identity.issuer))
        .filter(departed_identities::subject.eq(&identity.subject))
        .select(departed_identities::departed_at)
        .get_result(c)
        .optional())?;
    Ok(at.map(|time| time.0))
}

/// Whether nobody has the address. It is never a way into an account that has it.
fn is_free(conn: &mut Connection, email: &Email) -> Result<bool, StoreError> {
    let taken: i64 =
        on!(conn, |c| users::table.filter(users::email_key.eq(email.key())).count().get_result(c))?;
    Ok(taken == 0)
}
