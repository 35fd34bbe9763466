//! Users of external issuers and their accounts here.

use chrono::{DateTime, Utc};

use super::{AccountState, Email, ProfileChange, UserId};

/// External identity: `iss` and `sub` of an issuer's tokens, compared exactly. Only the pair identifies a
/// user (OpenID Connect Core §5.7).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// `iss`.
    pub issuer: String,
    /// `sub`, an arbitrary text of the issuer.
    pub subject: String,
}

/// User of an external issuer, as a token describes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUser {
    /// External identity.
    pub identity: Identity,
    /// E-mail address, if the issuer marks it as verified.
    pub email: Option<Email>,
    /// Members of the profile, for an account that is created.
    pub profile: ProfileChange,
    /// When the token was issued.
    pub issued_at: DateTime<Utc>,
    /// Set when an account is created for a user without one.
    pub provision: bool,
}

/// Account that is linked to an external identity.
#[derive(Clone, Debug)]
pub struct LinkedUser {
    /// The account.
    pub user: UserId,
    /// State of the account.
    pub state: AccountState,
    /// Time at which an earlier account of this identity was deleted. Tokens from before are refused.
    pub departed_at: Option<DateTime<Utc>>,
}
