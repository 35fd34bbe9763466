//! Users: create, read, change, delete.

use diesel::prelude::*;

use super::account_state::keep_an_admin;
use super::mail_queue::{QueuedMail, drop_mails};
use super::pending_registrations::drop_registrations;
use super::search_terms;
use super::tombstones::Tombstone;
use super::user_rows::{NewUserRow, RoleRow, insert_roles, load, role_rows};
use crate::authz::action::{Delete, Update};
use crate::authz::{Allowed, RoleGrant, RowFilter, Sealed};
use crate::domain::{Email, ExternalId, Revoked, Time, User, UserId};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{user_roles, users};
use crate::store::extension::records::one_row;
use crate::store::renewed::Authorization;
use crate::store::shared::Shared;
use crate::store::{Connection, Lookup, NewUser, Store, StoreError, Stored, TrustedStore};

/// Change of a user. A member that is `None` does not change.
#[derive(Default)]
pub struct UserChange {
    /// New address, which is unverified.
    pub email: Option<Email>,
    /// True if the address is verified.
    pub email_verified: Option<bool>,
    /// New id in another system. `Some(None)` removes it.
    pub external_id: Option<Option<ExternalId>>,
    /// New address that its owner must confirm first. `Some(None)` withdraws it.
    pub(crate) pending_email: Option<Option<Email>>,
    /// Mails that tell of the change.
    pub(crate) mails: Vec<QueuedMail>,
}

impl Stored for User {
    async fn find(lookup: Lookup<'_, Self>, id: UserId, _: RowFilter) -> Result<Sealed<Self>, StoreError> {
        let vocabulary = lookup.shared().vocabulary.clone();
        lookup.own_record(move |conn| load(conn, &vocabulary, id)).await
    }
}

impl Store {
    /// Creates a user with the granted roles.
    ///
    /// # Errors
    /// [`StoreError::Taken`] if another user has the address, [`StoreError::ExternalIdTaken`].
    pub async fn create_user(&self, new: NewUser, grant: RoleGrant) -> Result<User, StoreError> {
        let shared = self.shared().clone();
        let by = Authorization::with_event(&grant, None);
        self.write_idempotent(by, move |conn, _| shared.insert_user(conn, &new, &grant)).await
    }

    /// Creates a user with a given id, for the test server.
    ///
    /// # Errors
    /// [`StoreError::Taken`] if another user has the address.
    pub(crate) async fn create_user_as(
        &self,
        id: UserId,
        new: NewUser,
        grant: RoleGrant,
    ) -> Result<User, StoreError> {
        let shared = self.shared().clone();
        let by = Authorization::with_event(&grant, None);
        self.write(by, move |conn, _| shared.insert_user_as(conn, id, &new, &grant)).await
    }

    /// Changes a user. A new address clears `email_verified`, unless the change sets it too.
    ///
    /// # Errors
    /// [`StoreError::Taken`], [`StoreError::ExternalIdTaken`], [`StoreError::Changed`].
    pub async fn update_user(
        &self,
        user: Allowed<User, Update>,
        change: UserChange,
    ) -> Result<Allowed<User, Update>, StoreError> {
        let (by, shared) = (Authorization::of(&user), self.shared().clone());
        let (mut next, now) = ((*user).clone(), shared.now());
        if let Some(email) = change.email {
            next.email_verified &= next.email == email || fault!(address_stays_verified);
            next.email = email;
        }
        next.email_verified = change.email_verified.unwrap_or(next.email_verified);
        // A placeholder is no address, so it is never verified.
        next.email_verified &= !next.email.is_placeholder();
        let has_new_external_id = change.external_id.is_some();
        next.external_id = change.external_id.unwrap_or(next.external_id);
        let has_new_address = user.email != next.email;
        next.pending_email = change.pending_email.unwrap_or(next.pending_email).filter(|_| !has_new_address);
        next.updated_at = now;
        next.revision += 1;
        let (mails, changes_address) =
            (change.mails, has_new_address || next.pending_email != user.pending_email);
        let (written, is_own) = (next.clone(), user.is_own());
        self.write(by, move |conn, changes| {
            if has_new_external_id {
                require_free(conn, written.id, written.external_id.as_ref())?;
            }
            let before = users::table
                .filter(users::id.eq(written.id))
                .filter(users::revision.eq(written.revision - 1));
            let row = (
                users::email.eq(written.email.as_str()),
                users::email_key.eq(written.email.key()),
                users::email_verified.eq(written.email_verified),
                users::external_id.eq(written.external_id.as_ref().map(ExternalId::as_str)),
                users::pending_email.eq(written.pending_email.as_ref().map(Email::as_str)),
                users::updated_at.eq(Time(now)),
                users::revision.eq(written.revision),
            );
            one_row(on!(conn, |c| update(before).set(row).execute(c))?)?;
            let roles = user_roles::table.filter(user_roles::user_id.eq(written.id));
            let key = user_roles::email_key.eq(written.email.key());
            on!(conn, |c| update(roles).set(key).execute(c))?;
            if changes_address {
                shared.end_account_tokens(conn, written.id, is_own)?;
            }
            mails.iter().try_for_each(|mail| shared.queue_mail(conn, changes, mail))?;
            if has_new_address { search_terms::replace(conn, written.id) } else { Ok(()) }
        })
        .await?;
        Ok(user.changed(|record| *record = next))
    }

    /// Deletes a user with all its records, and the key of the personal members of the user's audit entries. Its tokens are revoked, and stay invalid if the address is registered
    /// again.
    ///
    /// # Errors
    /// [`StoreError::LastAdmin`], [`StoreError::Changed`].
    pub async fn delete_user(&self, user: Allowed<User, Delete>) -> Result<(), StoreError> {
        self.delete(user, false).await
    }

    /// Deletes a user. With `even_last_admin`, the server may be left without an administrator.
    async fn delete(&self, user: Allowed<User, Delete>, even_last_admin: bool) -> Result<(), StoreError> {
        let (by, shared) = (Authorization::of(&user), self.shared().clone());
        self.write(by, move |conn, changes| {
            keep_an_admin(conn, &user, even_last_admin)?;
            shared.record_deletion(conn, user.id)?;
            drop_mails(conn, &user)?;
            drop_registrations(conn, &user.email)?;
            let this = users::table.filter(users::id.eq(user.id)).filter(users::revision.eq(user.revision));
            one_row(on!(conn, |c| diesel::delete(this).execute(c))?)?;
            changes.revoke(&shared, Revoked::User(user.id, i64::MAX));
            Tombstone::of_deleted_user(user.id).apply(conn, None)
        })
        .await
    }
}

impl TrustedStore {
    /// Deletes a user as [`Store::delete_user`] does, also the last administrator: a verification leaves a server
    /// without an administrator as it was.
    ///
    /// # Errors
    /// [`StoreError::Changed`].
    pub(crate) async fn delete_even_last_admin(&self, user: Allowed<User, Delete>) -> Result<(), StoreError> {
        self.delete(user, true).await
    }

    /// Returns the address of a user who proves the password again.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn email_of(&self, id: UserId) -> Result<Option<Email>, StoreError> {
        let shared = self.shared().clone();
        self.read(move |conn| Ok(load(conn, &shared.vocabulary, id)?.map(|user| user.email))).await
    }

    /// Returns the id of the user with this address, for the operator.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn user_id_by_email(&self, email: &Email) -> Result<Option<UserId>, StoreError> {
        let key = email.key();
        self.read(move |conn| {
            let id: Option<UserId> = on!(conn, |c| users::table
                .filter(users::email_key.eq(&key))
                .select(users::id)
                .get_result(c)
                .optional())?;
            Ok(id)
        })
        .await
    }
}

impl Shared {
    pub(in crate::store) fn insert_user(
        &self,
        conn: &mut Connection,
        new: &NewUser,
        grant: &RoleGrant,
    ) -> Result<User, StoreError> {
        let id = UserId(self.new_uuid(self.now())?);
        self.insert_user_as(conn, id, new, grant)
    }

    fn insert_user_as(
        &self,
        conn: &mut Connection,
        id: UserId,
        new: &NewUser,
        grant: &RoleGrant,
    ) -> Result<User, StoreError> {
        let now = self.now();
        require_free(conn, id, new.external_id.as_ref())?;
        let row = NewUserRow::new(id, new, now);
        on!(conn, |c| diesel::insert_into(users::table).values(&row).execute(c))?;
        let roles: Vec<RoleRow> = role_rows(id, row.created_at, &row.email_key, grant.roles()).collect();
        insert_roles(conn, &roles)?;
        search_terms::insert(conn, &row.term_rows())?;
        self.append_event(conn, &grant.event(id))?;
        load(conn, &self.vocabulary, id)?.ok_or(StoreError::Changed)
    }
}

/// Refuses an external id of another user. The index refuses one that a concurrent transaction on PostgreSQL takes.
fn require_free(conn: &mut Connection, id: UserId, wanted: Option<&ExternalId>) -> Result<(), StoreError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let others = users::table.filter(users::external_id.eq(wanted.as_str())).filter(users::id.ne(id));
    let other: Option<UserId> = on!(conn, |c| others.select(users::id).get_result(c).optional())?;
    if other.is_some() { Err(StoreError::ExternalIdTaken) } else { Ok(()) }
}
