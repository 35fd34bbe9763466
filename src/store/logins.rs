//! Login: the only place where a password's hash leaves the database.

use diesel::prelude::*;

use super::error::StoreError;
use super::schema::{sessions, users};
use super::sessions::SessionRow;
use super::{Store, users as accounts};
use crate::authz::{Event, Outcome, Resource as _, ScopeSet};
use crate::domain::{PasswordHash, Role, Session, SessionId, Status, Time, UserId};
use crate::on;

/// What a login is checked against.
pub struct Login {
    /// Whose login it would be.
    pub user_id: UserId,
    /// The hash to compare with; none when no password was ever set.
    pub hash: Option<PasswordHash>,
}

/// A password that was right.
pub(crate) struct Proved {
    /// The hash that it was compared with.
    pub hash: PasswordHash,
    /// A hash of the same password with the parameters of today, where they are others.
    pub upgraded: Option<PasswordHash>,
}

/// A session that has begun, and what its tokens say of the user.
pub struct SessionStart {
    /// The session.
    pub session: Session,
    /// The user's roles.
    pub roles: Vec<Role>,
    /// The epoch in which the tokens are issued.
    pub epoch: i64,
    /// What the tokens may carry.
    pub scope: ScopeSet,
}

/// Why no session begins, though the password was right.
#[derive(Debug)]
pub enum LoginRefused {
    /// The account cannot be logged in to: it is suspended, gone, or its password was changed while
    /// this login was being checked.
    Account,
    /// Nothing of the scope that was asked for can be granted.
    Scope,
}

/// The user logs in to their own account: no token speaks for them yet.
fn logged_in(session: &Session) -> Event {
    Event {
        by: None,
        action: "log_in",
        resource: Session::NAME,
        record: Some(session.id.to_string()),
        owner: Some(session.user_id),
        outcome: Outcome::Done,
    }
}

impl Store {
    /// What a login with this address is checked against.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn login_by_email(&self, key: String) -> Result<Option<Login>, StoreError> {
        self.read(move |conn| {
            let row: Option<(UserId, Option<String>)> = on!(conn, |c| users::table
                .filter(users::email_key.eq(&key))
                .select((users::id, users::password_hash))
                .get_result(c)
                .optional())?;
            Ok(row.map(|(id, phc)| Login { user_id: id, hash: phc.map(PasswordHash::from_phc) }))
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
                .filter(users::id.eq(id))
                .select(users::password_hash)
                .get_result(c)
                .optional())?;
            Ok(phc.flatten().map(PasswordHash::from_phc))
        })
        .await
    }

    /// Begins a session for the user whose password was right. `grant` is asked what it may carry,
    /// of all that the user's roles grant.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn begin_session(
        &self,
        id: UserId,
        proved: Proved,
        device: Option<String>,
        address: Option<String>,
        grant: impl FnOnce(&ScopeSet) -> Option<ScopeSet> + Send + 'static,
    ) -> Result<Result<SessionStart, LoginRefused>, StoreError> {
        let now = self.0.surroundings.clock.now();
        let session = Session {
            id: SessionId(self.0.surroundings.random.uuid_at(now)?),
            user_id: id,
            device,
            address,
            created_at: now,
            last_used_at: now,
            expires_at: now + self.0.token_lifetime,
        };
        let inner = self.0.clone();
        self.write(None, move |conn, _| {
            let kept = proved.upgraded.as_ref().unwrap_or(&proved.hash);
            let rows = on!(conn, |c| diesel::update(users::table)
                .filter(users::id.eq(id))
                .filter(users::password_hash.eq(proved.hash.expose_phc()))
                .filter(users::status.eq(Status::Active.as_str()))
                .set(users::password_hash.eq(kept.expose_phc()))
                .execute(c))?;
            let user = if rows == 1 { accounts::load(conn, &inner.vocabulary, id)? } else { None };
            let Some(user) = user else { return Ok(Err(LoginRefused::Account)) };
            let Some(scope) = grant(&inner.vocabulary.granted_by(&user.roles)) else {
                return Ok(Err(LoginRefused::Scope));
            };
            // Only now has anybody logged in.
            on!(conn, |c| diesel::update(users::table.find(id))
                .set(users::last_login_at.eq(Time(now)))
                .execute(c))?;
            inner.write_down(conn, &logged_in(&session))?;
            let expired =
                sessions::table.filter(sessions::user_id.eq(id)).filter(sessions::expires_at.le(Time(now)));
            on!(conn, |c| diesel::delete(expired).execute(c))?;
            on!(conn, |c| diesel::insert_into(sessions::table)
                .values(SessionRow::from(&session))
                .execute(c))?;
            Ok(Ok(SessionStart { session, roles: user.roles, epoch: user.epoch, scope }))
        })
        .await
    }
}
