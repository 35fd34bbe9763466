//! Revocation of tokens before they expire.

use chrono::{DateTime, Utc};

use super::{ClientId, Role, SessionId, Status, UserId};

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
    pub except: Option<SessionId>,
    /// Unix time in milliseconds: the sessions began before it. The id of a session, a UUIDv7, tells its time.
    pub before: i64,
}

impl SessionSet {
    /// Returns the sessions of a user with a client up to this one. None if its id does not tell its time.
    pub(crate) fn up_to(last: SessionId, user: UserId, client: &ClientId) -> Option<Self> {
        let before = began_at(last)? + 1;
        Some(Self { user, client: Some(client.to_string()), except: None, before })
    }

    /// Returns true if the set contains a session, in which this client gets tokens.
    pub fn contains(&self, session: SessionId, client: Option<&str>) -> bool {
        self.except != Some(session)
            && self.client.as_deref().is_none_or(|only| client == Some(only))
            && began_at(session).is_none_or(|millis| millis < self.before)
    }

    /// Returns true if the set contains all sessions of another one.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        let of_same = (self.user, &self.client, self.except) == (other.user, &other.client, other.except);
        of_same && self.before >= other.before
    }
}

/// Returns the Unix time in milliseconds at which a session began.
fn began_at(session: SessionId) -> Option<i64> {
    let (seconds, nanos) = session.0.get_timestamp()?.to_unix();
    i64::try_from(seconds).ok()?.checked_mul(1_000)?.checked_add(i64::from(nanos / 1_000_000))
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
