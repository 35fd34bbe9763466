//! Session: a login on a device, or the access of a client to an account.

use chrono::{DateTime, TimeDelta, Utc};

use super::{ClientId, Origin, SessionId, UserId};

/// Session, named by a token's `sid`. The end of the session ends its tokens.
#[derive(Clone, Debug)]
pub struct Session {
    /// Session id, the token's `sid`.
    pub id: SessionId,
    /// User.
    pub user_id: UserId,
    /// Client that gets tokens in the session. `None` for a browser with a cookie, which gets no token.
    pub client_id: Option<ClientId>,
    /// `User-Agent` at login, cut to 256 characters.
    pub device: Option<String>,
    /// Client IP address at login.
    pub address: Option<String>,
    /// Start.
    pub created_at: DateTime<Utc>,
    /// Time of the user's last authentication (OpenID Connect Core §2 `auth_time`).
    pub auth_time: DateTime<Utc>,
    /// Time of the last issued token.
    pub last_used_at: DateTime<Utc>,
    /// Expiry.
    pub expires_at: DateTime<Utc>,
}

/// Device of a login, as far as the request shows it.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// `User-Agent`, cut to 256 characters.
    pub name: Option<String>,
    /// Origin of the request.
    pub origin: Origin,
}

/// Lifetimes of tokens and sessions.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Access token, including the leeway of its expiry check. A revocation matters for this long.
    pub access_token: TimeDelta,
    /// Unused refresh token.
    pub refresh_token: TimeDelta,
    /// Session, regardless of refreshes.
    pub session: TimeDelta,
}
