//! Login: the only place where a password's hash leaves the database.

use diesel::prelude::*;

use super::conn::on;
use super::error::StoreError;
use super::schema::{sessions, users};
use super::sessions::SessionRow;
use super::types::{DbTime, DbUuid};
use super::{Store, users as accounts};
use crate::domain::{PasswordHash, Role, Session, SessionId, Status, UserId};

/// What a login is checked against.
pub struct Login {
    /// Whose login it would be.
    pub user_id: UserId,
    /// The hash to compare with; none when no password was ever set.
    pub hash: Option<PasswordHash>,
}

/// A session that has begun, and what its tokens say of the user.
pub struct SessionStart {
    /// The session.
    pub session: Session,
    /// The user's roles.
    pub roles: Vec<Role>,
    /// The epoch in which the tokens are issued.
    pub epoch: i64,
}

/// The account cannot be logged in to: it is suspended, gone, or its password was changed while
/// this login was being checked.
#[derive(Debug)]
pub struct LoginRefused;

impl Store {
    /// What a login with this address is checked against.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn login_by_email(&self, key: String) -> Result<Option<Login>, StoreError> {
        self.read(move |conn| {
            let row: Option<(DbUuid, Option<String>)> = on!(conn, |c| users::table
                .filter(users::email_key.eq(&key))
                .select((users::id, users::password_hash))
                .get_result(c)
                .optional())?;
            Ok(row.map(|(id, phc)| Login { user_id: UserId(id.0), hash: phc.map(PasswordHash::from_phc) }))
        })
        .await
    }

    /// The hash of the user's current password, to prove that it is them who change it.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn login_by_id(&self, id: UserId) -> Result<Option<PasswordHash>, StoreError> {
        self.read(move |conn| {
            let phc: Option<Option<String>> = on!(conn, |c| users::table
                .filter(users::id.eq(DbUuid(id.0)))
                .select(users::password_hash)
                .get_result(c)
                .optional())?;
            Ok(phc.flatten().map(PasswordHash::from_phc))
        })
        .await
    }

    /// Begins a session for the user whose password had the hash `proved`; with `upgraded`, the
    /// hash is replaced by one of the same password with the parameters of today.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn begin_session(
        &self,
        id: UserId,
        proved: PasswordHash,
        upgraded: Option<PasswordHash>,
        device: Option<String>,
        address: Option<String>,
    ) -> Result<Result<SessionStart, LoginRefused>, StoreError> {
        let now = self.0.clock.now();
        let session = Session {
            id: SessionId(self.0.random.uuid_at(now)?),
            user_id: id,
            device,
            address,
            created_at: now,
            last_used_at: now,
            expires_at: now + self.0.token_lifetime,
        };
        self.write(move |conn, _| {
            let kept = upgraded.as_ref().unwrap_or(&proved);
            let rows = on!(conn, |c| diesel::update(users::table)
                .filter(users::id.eq(DbUuid(id.0)))
                .filter(users::password_hash.eq(proved.expose_phc()))
                .filter(users::status.eq(Status::Active.as_str()))
                .set((users::last_login_at.eq(DbTime(now)), users::password_hash.eq(kept.expose_phc()),))
                .execute(c))?;
            let user = if rows == 1 { accounts::load(conn, id)? } else { None };
            let Some(user) = user else { return Ok(Err(LoginRefused)) };
            let expired = sessions::table
                .filter(sessions::user_id.eq(DbUuid(id.0)))
                .filter(sessions::expires_at.le(DbTime(now)));
            on!(conn, |c| diesel::delete(expired).execute(c))?;
            on!(conn, |c| diesel::insert_into(sessions::table)
                .values(SessionRow::from(&session))
                .execute(c))?;
            Ok(Ok(SessionStart { session, roles: user.roles, epoch: user.epoch }))
        })
        .await
    }
}
