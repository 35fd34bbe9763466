//! How an account stands: its password, its roles, its status. What changes them ends tokens.

use diesel::prelude::*;

use super::users::{insert_roles, load, role_rows};
use crate::authz::action::{SetPassword, SetRoles, SetStatus};
use crate::authz::{Allowed, AuditEvent, RoleGrant};
use crate::domain::{AccountState, PasswordHash, Revoked, Role, SessionId, Status, Time, User, UserId};
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::connection::{Connection, Link};
use crate::store::engine::error::StoreError;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{sessions, user_roles, users};
use crate::store::extension::repository::one_row;
use crate::store::handle::Store;
use crate::store::shared::Shared;
use crate::store::trusted::TrustedStore;

impl Store {
    /// Replaces a password. Every session but `kept` ends; when no session is kept, every token
    /// that the user has is dead.
    ///
    /// # Errors
    /// [`StoreError::Changed`].
    pub async fn set_password(
        &self,
        user: Allowed<User, SetPassword>,
        hash: PasswordHash,
        kept: Option<SessionId>,
    ) -> Result<(), StoreError> {
        let (deed, inner) = (AuditEvent::from(&user), self.shared().clone());
        self.write(Some(deed), move |conn, changes| {
            let this = users::table.filter(users::id.eq(user.id)).filter(users::revision.eq(user.revision));
            let new = users::password_hash.eq(hash.expose_phc());
            one_row(on!(conn, |c| update(this).set(new).execute(c))?)?;
            inner.touch(conn, &user, kept.is_none(), changes)?;
            inner.end_sessions_of(conn, user.id, kept, changes)
        })
        .await
    }

    /// Replaces the roles. The user's tokens are dead: they carry what the old ones granted.
    ///
    /// # Errors
    /// [`StoreError::LastAdmin`], [`StoreError::Changed`].
    pub async fn set_roles(
        &self,
        user: Allowed<User, SetRoles>,
        grant: RoleGrant,
    ) -> Result<Allowed<User, SetRoles>, StoreError> {
        if user.roles == grant.roles() {
            return Ok(user);
        }
        let (deed, inner) = (AuditEvent::from(&user), self.shared().clone());
        let before = (*user).clone();
        let next = self
            .write(Some(deed), move |conn, changes| {
                let user = &before;
                keep_an_admin(conn, user, grant.roles().contains(&Role::ADMIN))?;
                inner.touch(conn, user, true, changes)?;
                let old = user_roles::table.filter(user_roles::user_id.eq(user.id));
                on!(conn, |c| diesel::delete(old).execute(c))?;
                let (created_at, key) = (Time(user.created_at), user.email.key());
                let rows: Vec<_> = role_rows(user.id, created_at, &key, grant.roles()).collect();
                insert_roles(conn, &rows)?;
                let next = load(conn, &inner.vocabulary, user.id)?.ok_or(StoreError::Changed)?;
                Ok(next)
            })
            .await?;
        Ok(user.changed(|record| *record = next))
    }

    /// Suspends or activates an account. Suspending ends its sessions and its tokens; activating
    /// does not bring them back.
    ///
    /// # Errors
    /// [`StoreError::LastAdmin`], [`StoreError::Changed`].
    pub async fn set_status(
        &self,
        user: Allowed<User, SetStatus>,
        status: Status,
    ) -> Result<Allowed<User, SetStatus>, StoreError> {
        if user.status == status {
            return Ok(user);
        }
        let (deed, inner) = (AuditEvent::from(&user), self.shared().clone());
        let before = (*user).clone();
        let next = self
            .write(Some(deed), move |conn, changes| {
                let user = &before;
                keep_an_admin(conn, user, status == Status::Active)?;
                inner.touch(conn, user, status == Status::Suspended, changes)?;
                on!(conn, |c| update(users::table.filter(users::id.eq(user.id)))
                    .set(users::status.eq(status.as_str()))
                    .execute(c))?;
                if status == Status::Suspended {
                    inner.end_sessions_of(conn, user.id, None, changes)?;
                }
                let next = load(conn, &inner.vocabulary, user.id)?.ok_or(StoreError::Changed)?;
                Ok(next)
            })
            .await?;
        Ok(user.changed(|record| *record = next))
    }
}

impl TrustedStore {
    /// How a user stands now, for a token that does not say when it was issued in the user's own
    /// count.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn standing(&self, id: UserId) -> Result<Option<AccountState>, StoreError> {
        let inner = self.shared().clone();
        self.read_by_key(move |conn| inner.standing_of(conn, id)).await
    }
}

impl Shared {
    pub(in crate::store) fn standing_of(
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

    /// Marks the account as changed, provided that nobody else did; a new epoch ends its tokens.
    fn touch(
        &self,
        conn: &mut Connection,
        user: &User,
        new_epoch: bool,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let now = Time(self.now());
        let epoch = user.epoch + i64::from(new_epoch);
        let this = users::table.filter(users::id.eq(user.id)).filter(users::revision.eq(user.revision));
        let next = (
            users::updated_at.eq(now),
            users::revision.eq(user.revision + 1),
            users::epoch.eq(epoch),
            users::epoch_began_at.eq(now),
        );
        one_row(on!(conn, |c| update(this).set(next).execute(c))?)?;
        // Where the epoch stays this ends no token of ours; it says that the account has changed.
        changes.revoke(self, Revoked::User(user.id, epoch));
        Ok(())
    }

    /// Ends a user's sessions, all but the one that is kept.
    pub(in crate::store) fn end_sessions_of(
        &self,
        conn: &mut Connection,
        user: UserId,
        kept: Option<SessionId>,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let of_user = sessions::user_id.eq(user);
        let ids: Vec<SessionId> =
            on!(conn, |c| sessions::table.filter(of_user).select(sessions::id).load(c))?;
        let ended: Vec<SessionId> =
            ids.into_iter().filter(|id| kept.is_none_or(|kept| kept != *id)).collect();
        self.end_sessions(conn, &ended, changes)
    }
}

/// Refuses a change after which no active administrator would be left, unless the user `stays` one.
pub(in crate::store) fn keep_an_admin(
    conn: &mut Connection,
    user: &User,
    stays: bool,
) -> Result<(), StoreError> {
    let is_admin = user.roles.contains(&Role::ADMIN) && user.status == Status::Active;
    if !is_admin || stays {
        return Ok(());
    }
    // Two administrators who demote each other must not both succeed.
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
