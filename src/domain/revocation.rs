//! Revocation of tokens before they expire.

use chrono::{DateTime, Utc};

use super::{Role, SessionId, Status, UserId};

/// Revocation of tokens. It is stored in the same transaction as its cause. Every replica keeps the
/// revocations that still matter in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Revoked tokens.
    pub subject: Revoked,
    /// End of the revocation: every revoked token has expired by then.
    pub until: DateTime<Utc>,
}

/// Set of revoked tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// Tokens of a user from an epoch before this one.
    User(UserId, i64),
    /// Tokens of a session.
    Session(SessionId),
    /// Tokens of a client from an epoch before this one, and its users' tokens issued before this
    /// Unix time, in milliseconds.
    Client(String, i64),
    /// Tokens of sessions of a user.
    Sessions(SessionSet),
    /// Token with this `jti`.
    Token(String),
}

/// Sessions of a user that ended together, too many to revoke each by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSet {
    /// User.
    pub user: UserId,
    /// Client of the sessions. `None` for all.
    pub client: Option<String>,
    /// Session that does not belong to the set.
    pub kept: Option<SessionId>,
    /// Unix time in milliseconds: the sessions began before it. The id of a session, a UUIDv7, tells its time.
    pub before: i64,
}

impl SessionSet {
    /// Returns true if the set contains a session, in which this client gets tokens.
    pub fn contains(&self, session: SessionId, client: Option<&str>) -> bool {
        let began = session.0.get_timestamp().map(|time| time.to_unix());
        let millis = began.and_then(|(seconds, nanos)| {
            i64::try_from(seconds).ok()?.checked_mul(1_000)?.checked_add(i64::from(nanos / 1_000_000))
        });
        self.kept != Some(session)
            && self.client.as_deref().is_none_or(|only| client == Some(only))
            && millis.is_none_or(|millis| millis < self.before)
    }
}

/// Present state of an account, to check tokens without an epoch.
#[derive(Clone, Debug)]
pub struct AccountState {
    /// Status of the account.
    pub status: Status,
    /// Roles of the user.
    pub roles: Vec<Role>,
    /// Start of the present epoch: earlier tokens are revoked.
    pub epoch_began_at: Option<DateTime<Utc>>,
}
