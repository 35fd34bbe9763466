//! Reference to an account, as the operator writes it.

use std::fmt;

use super::output::Failure;
use crate::domain::{Email, UserId};
use crate::store::TrustedStore;

/// Reference to an account: its id or its e-mail address.
#[derive(Clone, Debug)]
pub(super) enum AccountRef {
    Id(UserId),
    Email(Email),
}

impl AccountRef {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let id =
            || text.parse().map(Self::Id).map_err(|_| "is neither an id nor an e-mail address".to_owned());
        if text.contains('@') {
            Email::parse_exported(text).map(Self::Email).map_err(|why| why.to_string())
        } else {
            id()
        }
    }

    /// Returns the error for an account that does not exist.
    pub(super) fn missing(&self) -> Failure {
        Failure::new(format!("there is no user {self}; see cloakroom users list"))
    }

    /// Returns the id of the account.
    pub(super) async fn id(&self, store: &TrustedStore) -> Result<UserId, Failure> {
        match self {
            Self::Id(id) => Ok(*id),
            Self::Email(email) => store.user_id_by_email(email).await?.ok_or_else(|| self.missing()),
        }
    }
}

impl fmt::Display for AccountRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Email(email) => email.fmt(f),
        }
    }
}
