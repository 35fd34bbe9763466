//! Query for the list of users: filter, order and position.

use chrono::{DateTime, Utc};

use crate::domain::{Role, Status, User, UserId};

/// Filter of the list. A user must satisfy each part that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// The address, ignoring case.
    pub email: Option<String>,
    /// Beginning of the address, of `@` and its domain, or of a word of the name, ignoring case. `%` and `_`
    /// are letters.
    pub prefix: Option<String>,
    /// The status.
    pub status: Option<Status>,
    /// A role of the user.
    pub role: Option<Role>,
    /// Time before the user was created, exclusive.
    pub created_after: Option<DateTime<Utc>>,
    /// Time after the user was created, exclusive.
    pub created_before: Option<DateTime<Utc>>,
}

/// Order of the list. The id decides between equal keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserSort {
    /// Time of creation, oldest first.
    CreatedAt,
    /// Time of creation, newest first.
    CreatedAtDescending,
    /// Address.
    Email,
    /// Address, backwards.
    EmailDescending,
}

/// Sort key of the last user of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// Key of a list by time of creation.
    CreatedAt(DateTime<Utc>),
    /// Key of a list by address.
    Email(String),
}

/// Query for a page of the list.
#[derive(Clone, Debug)]
pub struct UserQuery {
    /// The filter.
    pub filter: UserFilter,
    /// The order.
    pub sort: UserSort,
    /// Position after which the page begins: the last user of the page before.
    pub after: Option<(SortKey, UserId)>,
    /// Largest number of users on the page.
    pub limit: u16,
}

impl UserSort {
    /// Returns the sort key of a user.
    pub(in crate::store) fn key(self, user: &User) -> SortKey {
        match self {
            Self::CreatedAt | Self::CreatedAtDescending => SortKey::CreatedAt(user.created_at),
            Self::Email | Self::EmailDescending => SortKey::Email(user.email.key()),
        }
    }
}
