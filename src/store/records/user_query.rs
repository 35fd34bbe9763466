//! Query for the list of users: filter, order and position.

use chrono::{DateTime, Utc};

use crate::domain::{ExternalId, Role, Status, UserId};

/// Filter of the list. A user must satisfy each part that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// The address, ignoring case.
    pub email: Option<String>,
    /// The id in another system.
    pub external_id: Option<ExternalId>,
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
    /// Name, ignoring case. Users without one come first.
    Name,
    /// Name, backwards.
    NameDescending,
    /// Time of the last login, longest ago first. Users without one come first.
    LastLogin,
    /// Time of the last login, latest first.
    LastLoginDescending,
}

/// Sort key of the last user of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// Key of a list by a time.
    Time(DateTime<Utc>),
    /// Key of a list by a text.
    Text(String),
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
    /// Set when the users are counted.
    pub counts: bool,
    /// Set when the page has the names and the pictures of the users.
    pub shows_profiles: bool,
}

/// Number of users in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserCount {
    /// The number, up to the limit of what is counted.
    pub count: u32,
    /// Set when there can be more.
    pub is_capped: bool,
}

impl UserSort {
    /// True for an order that ends with the greatest key.
    pub(in crate::store) fn is_ascending(self) -> bool {
        matches!(self, Self::CreatedAt | Self::Email | Self::Name | Self::LastLogin)
    }

    /// True for an order by the time of creation.
    pub(in crate::store) fn is_by_creation(self) -> bool {
        matches!(self, Self::CreatedAt | Self::CreatedAtDescending)
    }

    /// True for an order by the address, which is unique.
    pub(in crate::store) fn is_by_email(self) -> bool {
        matches!(self, Self::Email | Self::EmailDescending)
    }

    /// True for an order by the name, which is a part of the profile.
    pub fn is_by_name(self) -> bool {
        matches!(self, Self::Name | Self::NameDescending)
    }
}
