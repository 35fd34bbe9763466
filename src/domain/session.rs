//! One login on one device.

use chrono::{DateTime, Utc};

use super::{SessionId, UserId};

/// A session: what a token's `sid` names. Ending it ends its tokens.
#[derive(Clone, Debug)]
pub struct Session {
    /// The token's `sid`.
    pub id: SessionId,
    /// Who logged in.
    pub user_id: UserId,
    /// `User-Agent` at login, cut to 256 characters.
    pub device: Option<String>,
    /// The peer's address at login.
    pub address: Option<String>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it last got a token.
    pub last_used_at: DateTime<Utc>,
    /// When its last token expires.
    pub expires_at: DateTime<Utc>,
}
