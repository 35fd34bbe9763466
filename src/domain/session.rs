//! One login on one device, or one client's access to one account.

use chrono::{DateTime, TimeDelta, Utc};

use super::{ClientId, Origin, SessionId, UserId};

/// A session: what a token's `sid` names. Ending it ends its tokens.
#[derive(Clone, Debug)]
pub struct Session {
    /// The token's `sid`.
    pub id: SessionId,
    /// Who logged in.
    pub user_id: UserId,
    /// The client that gets tokens in it; none for a browser that is signed in at the pages, in
    /// which no token is issued.
    pub client_id: Option<ClientId>,
    /// `User-Agent` at login, cut to 256 characters.
    pub device: Option<String>,
    /// The peer's address at login.
    pub address: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When the user last proved who they are (OpenID Connect Core §2 `auth_time`).
    pub auth_time: DateTime<Utc>,
    /// When it last got a token.
    pub last_used_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// The device that somebody logs in with, as far as it can be seen.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// `User-Agent`, cut to 256 characters.
    pub name: Option<String>,
    /// Where its request came from.
    pub origin: Origin,
}

/// How long what is issued is good for.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// An access token, and the leeway with which its end is checked: how long a revocation matters.
    pub access_token: TimeDelta,
    /// A refresh token that is not used.
    pub refresh_token: TimeDelta,
    /// A session, however often it is refreshed.
    pub session: TimeDelta,
}
