//! The list of users: filters, order, and keyset pages, so that page 10,000 costs what page 1 costs.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::user_list_query;
use super::user_rows::UserRow;
use crate::authz::action::List;
use crate::authz::{Reach, Vocabulary};
use crate::domain::{Role, Status, User, UserId};
use crate::on;
use crate::store::engine::error::StoreError;
use crate::store::engine::schema::user_roles;
use crate::store::handle::Store;

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
    /// By time of creation, oldest first.
    CreatedAt,
    /// By time of creation, newest first.
    CreatedAtDescending,
    /// By address.
    Email,
    /// By address, backwards.
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

/// A page of the list.
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// [`UserQuery::after`] of the next page, if there is one.
    pub next: Option<(SortKey, UserId)>,
}

impl UserSort {
    /// Returns the sort key of a user.
    fn key(self, user: &User) -> SortKey {
        match self {
            Self::CreatedAt | Self::CreatedAtDescending => SortKey::CreatedAt(user.created_at),
            Self::Email | Self::EmailDescending => SortKey::Email(user.email.key()),
        }
    }
}

impl Store {
    /// Returns a page of users. A caller that reaches fewer than all of them gets none.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn list_users(
        &self,
        reach: &Reach<User, List>,
        query: UserQuery,
    ) -> Result<UserPage, StoreError> {
        let everyone = reach.row_filter().is_unrestricted();
        let vocabulary = self.shared().vocabulary.clone();
        self.read(move |conn| {
            let rows = if everyone { user_list_query::load(conn, &query)? } else { Vec::new() };
            let ids: Vec<UserId> = rows.iter().take(usize::from(query.limit)).map(UserRow::id).collect();
            let roles: Vec<(UserId, String)> = on!(conn, |c| user_roles::table
                .filter(user_roles::user_id.eq_any(&ids))
                .select((user_roles::user_id, user_roles::role))
                .load(c))?;
            Ok(page(rows, &roles, &vocabulary, &query))
        })
        .await
    }
}

fn page(
    rows: Vec<UserRow>,
    roles: &[(UserId, String)],
    vocabulary: &Vocabulary,
    query: &UserQuery,
) -> UserPage {
    let more = rows.len() > usize::from(query.limit);
    let users: Vec<User> = rows
        .into_iter()
        .take(usize::from(query.limit))
        .map(|row| {
            let id = row.id();
            let of_user = roles.iter().filter(|(user, _)| *user == id);
            row.with_roles(of_user.filter_map(|(_, role)| vocabulary.role(role)).collect())
        })
        .collect();
    let last = users.last().map(|user| (query.sort.key(user), user.id));
    UserPage { next: last.filter(|_| more), users }
}
