//! Account state: password, roles and status. A change of one of them revokes tokens.

use diesel::prelude::*;

use super::revocations::delete_revocations;
use super::tombstones::Tombstone;
use super::user_rows::{insert_roles, load, role_rows};
use crate::authz::action::{SetPassword, SetRoles, SetStatus};
use crate::authz::{Allowed, RoleGrant};
use crate::domain::{AccountState, PasswordHash, Revoked, Role, SessionId, Status, Time, User, UserId};
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{user_roles, users};
use crate::store::extension::records::one_row;
use crate::store::renewed::Authorization;
use crate::store::shared::Shared;
use crate::store::{Connection, Link, Store, StoreError, TrustedStore};

impl Store {
    /// Replaces a password. All sessions end, except `kept`. Without `kept`, all tokens of the user are revoked.
    ///
    /// # Errors
    /// [`StoreError::Changed`].
    pub async fn set_password(
        &self,
        user: Allowed<User, SetPassword>,
        hash: PasswordHash,
        kept: Option<SessionId>,
    ) -> Result<(), StoreError> {
        let (by, shared) = (Authorization::of(&user), self.shared().clone());
        self.write(by, move |conn, changes| {
            let this = users::table.filter(users::id.eq(user.id)).filter(users::revision.eq(user.revision));
            let new = users::password_hash.eq(hash.expose_phc());
            if fault!(password_of_everyone) {
                on!(conn, |c| update(users::table)
                    .set(users::password_hash.eq(hash.expose_phc()))
                    .execute(c))?;
            }
            let new = match fault!(old_password_kept) {
                true => return shared.bump_revision(conn, &user, true, changes),
                false => new,
            };
            one_row(on!(conn, |c| update(this).set(new).execute(c))?)?;
            shared.bump_revision(conn, &user, kept.is_none(), changes)?;
            shared.end_account_tokens(conn, user.id, user.is_own())?;
            let ended = Tombstone::of_user(user.id);
            if kept.is_some() {
                shared.revoke_sessions(conn, &ended, user.id, kept, changes)?;
            }
            ended.apply(conn, kept)
        })
        .await
    }

    /// Replaces the roles. The tokens of the user are revoked, because they carry the scopes of the old roles.
    ///
    /// # Errors
    /// [`StoreError::LastAdmin`], [`StoreError::Changed`].
    pub async fn set_roles(
        &self,
        user: Allowed<User, SetRoles>,
        grant: RoleGrant,
    ) -> Result<Allowed<User, SetRoles>, StoreError> {
        if user.roles == grant.roles() {
            self.renew(&user).await?;
            return Ok(user);
        }
        let (by, shared) = (Authorization::of(&user), self.shared().clone());
        let before = (*user).clone();
        let next = self
            .write(by, move |conn, changes| {
                let user = &before;
                keep_an_admin(conn, user, grant.roles().contains(&Role::ADMIN))?;
                shared.bump_revision(conn, user, true, changes)?;
                let old = user_roles::table.filter(user_roles::user_id.eq(user.id));
                on!(conn, |c| diesel::delete(old).execute(c))?;
                let (created_at, key) = (Time(user.created_at), user.email.key());
                let rows: Vec<_> = role_rows(user.id, created_at, &key, grant.roles()).collect();
                insert_roles(conn, &rows)?;
                let next = load(conn, &shared.vocabulary, user.id)?.ok_or(StoreError::Changed)?;
                Ok(next)
            })
            .await?;
        Ok(user.changed(|record| *record = next))
    }

    /// Suspends or activates an account. A suspension ends its sessions and revokes its tokens. An activation does
    /// not restore them.
    ///
    /// # Errors
    /// [`StoreError::LastAdmin`], [`StoreError::Changed`].
    pub async fn set_status(
        &self,
        user: Allowed<User, SetStatus>,
        status: Status,
    ) -> Result<Allowed<User, SetStatus>, StoreError> {
        if user.status == status {
            self.renew(&user).await?;
            return Ok(user);
        }
        let (by, shared) = (Authorization::of(&user), self.shared().clone());
        let (before, is_own) = ((*user).clone(), user.is_own());
        let next = self
            .write(by, move |conn, changes| {
                let user = &before;
                keep_an_admin(conn, user, status == Status::Active)?;
                shared.bump_revision(conn, user, status == Status::Suspended, changes)?;
                on!(conn, |c| update(users::table.filter(users::id.eq(user.id)))
                    .set(users::status.eq(status.as_str()))
                    .execute(c))?;
                shared.end_account_tokens(conn, user.id, is_own)?;
                if status == Status::Suspended {
                    Tombstone::of_user(user.id).apply(conn, None)?;
                }
                let next = load(conn, &shared.vocabulary, user.id)?.ok_or(StoreError::Changed)?;
                Ok(next)
            })
            .await?;
        Ok(user.changed(|record| *record = next))
    }
}

impl TrustedStore {
    /// Returns the current state of a user, for a token without the epoch in which it was issued.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn account_state(&self, id: UserId) -> Result<Option<AccountState>, StoreError> {
        let shared = self.shared().clone();
        self.read_by_key(move |conn| shared.account_state_of(conn, id)).await
    }
}

impl Shared {
    /// Reads the current state of a user.
    pub(in crate::store) fn account_state_of(
        &self,
        conn: &mut Connection,
        id: UserId,
    ) -> Result<Option<AccountState>, StoreError> {
        let Some(user) = load(conn, &self.vocabulary, id)? else { return Ok(None) };
        let began: Option<Option<Time>> = on!(conn, |c| users::table
            .filter(users::id.eq(id))
            .select(users::epoch_began_at)
            .get_result(c)
            .optional())?;
        Ok(began.map(|began| AccountState {
            status: user.status,
            roles: user.roles,
            epoch_began_at: began.map(|time| time.0),
        }))
    }

    /// Increments the revision of a user if it is unchanged. A new epoch revokes the tokens of the user.
    pub(super) fn bump_revision(
        &self,
        conn: &mut Connection,
        user: &User,
        new_epoch: bool,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let now = Time(self.now());
        let this = users::table.filter(users::id.eq(user.id)).filter(users::revision.eq(user.revision));
        let next = (
            users::updated_at.eq(now),
            users::revision.eq(user.revision + 1),
            // Not from the record that was read: a logout begins an epoch without a new revision.
            users::epoch.eq(users::epoch + i64::from(new_epoch)),
            users::epoch_began_at.eq(now),
        );
        one_row(on!(conn, |c| update(this).set(next).execute(c))?)?;
        // In the same epoch this revokes no token of this server. It tells the replicas that the account changed.
        self.revoke_before_epoch(conn, user.id, changes)
    }

    /// Begins a new epoch of a user, which revokes all access tokens of the user. Locks the row of the user.
    pub(in crate::store) fn begin_epoch(
        &self,
        conn: &mut Connection,
        user: UserId,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let this = users::table.filter(users::id.eq(user));
        on!(conn, |c| update(this).set(users::epoch.eq(users::epoch + 1)).execute(c))?;
        self.revoke_before_epoch(conn, user, changes)
    }

    /// Revokes the tokens of a user from before the present epoch. The caller of this function has locked the row of
    /// the user.
    fn revoke_before_epoch(
        &self,
        conn: &mut Connection,
        user: UserId,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let epoch: Option<i64> = on!(conn, |c| users::table
            .filter(users::id.eq(user))
            .select(users::epoch)
            .get_result(c)
            .optional())?;
        if let Some(epoch) = epoch {
            // The new revocation includes the earlier ones, so that a user has one row. The user's row is locked.
            delete_revocations(conn, "user", &user.to_string())?;
            changes.revoke(self, Revoked::User(user, epoch));
        }
        Ok(())
    }
}

/// Refuses a change after which there is no active administrator. `stays` says that this user stays one.
pub(in crate::store) fn keep_an_admin(
    conn: &mut Connection,
    user: &User,
    stays: bool,
) -> Result<(), StoreError> {
    let is_admin = user.roles.contains(&Role::ADMIN) && user.status == Status::Active;
    if !is_admin || stays {
        return Ok(());
    }
    // Without the lock, two administrators who demote each other at the same time would both succeed.
    if let Link::Postgres(c) = conn.link() {
        diesel::sql_query("SELECT pg_advisory_xact_lock(7021786)").execute(c)?;
    }
    let others: i64 = on!(conn, |c| users::table
        .inner_join(user_roles::table)
        .filter(user_roles::role.eq(Role::ADMIN.as_str()))
        .filter(users::status.eq(Status::Active.as_str()))
        .filter(users::id.ne(user.id))
        .count()
        .get_result(c))?;
    if others == 0 { Err(StoreError::LastAdmin) } else { Ok(()) }
}
