//! People whom another issuer knows: who they are there, and who they are here.

use chrono::{DateTime, Utc};

use super::{AccountState, Email, UserId};

/// Somebody as an issuer names them: `iss` and `sub` of its tokens, letter by letter. It is the
/// pair that names a person; each half of it is anybody's (OpenID Connect Core §5.7).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// `iss`.
    pub issuer: String,
    /// `sub`, a text of the issuer's own making.
    pub subject: String,
}

/// What a token of another issuer says of the person it speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUser {
    /// Who they are there.
    pub identity: Identity,
    /// Their address, if the issuer says that it has been verified.
    pub email: Option<Email>,
    /// When the token was issued.
    pub issued_at: DateTime<Utc>,
    /// Whether an account is made for them when they have none.
    pub provision: bool,
}

/// Who that person is here.
#[derive(Clone, Debug)]
pub struct LinkedUser {
    /// Their account.
    pub user: UserId,
    /// How it stands.
    pub standing: AccountState,
    /// When an earlier account of theirs was deleted: a token of before speaks for nobody.
    pub departed_at: Option<DateTime<Utc>>,
}
