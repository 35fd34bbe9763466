//! Purposes of the links that are mailed.

use chrono::TimeDelta;

/// Purpose of an [`AccountToken`](super::AccountToken). A token is valid for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPurpose {
    /// Set a new password instead of a forgotten one.
    ResetPassword,
    /// Prove the address of the account.
    VerifyEmail,
    /// Prove a new address, which then replaces that of the account.
    ConfirmEmail,
    /// Undo a change of the address.
    UndoEmailChange,
    /// Set the first password of an account that an administrator created.
    Invitation,
}

impl TokenPurpose {
    /// Every purpose.
    pub const ALL: [Self; 5] =
        [Self::ResetPassword, Self::VerifyEmail, Self::ConfirmEmail, Self::UndoEmailChange, Self::Invitation];

    /// Returns the name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResetPassword => "reset-password",
            Self::VerifyEmail => "verify-email",
            Self::ConfirmEmail => "confirm-email",
            Self::UndoEmailChange => "undo-email-change",
            Self::Invitation => "invitation",
        }
    }

    /// Returns the purpose of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }

    /// Returns how long a token is valid.
    pub fn lifetime(self) -> TimeDelta {
        match self {
            Self::ResetPassword => TimeDelta::hours(1),
            Self::VerifyEmail | Self::ConfirmEmail => TimeDelta::hours(24),
            Self::UndoEmailChange | Self::Invitation => TimeDelta::days(7),
        }
    }

    /// True when a new token of this purpose ends the earlier ones of the user. Each address that was replaced keeps
    /// its own link to undo the change: an attacker who changes the address twice must not end the first link.
    pub fn is_unique(self) -> bool {
        self != Self::UndoEmailChange
    }
}
