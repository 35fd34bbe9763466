//! The list of accounts: filters, order, and pages by keyset, so that the ten-thousandth page
//! costs what the first does.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::user_search_plans;
use super::users::UserRow;
use crate::authz::action::List;
use crate::authz::{Reach, Vocabulary};
use crate::domain::{Role, Status, User, UserId};
use crate::on;
use crate::store::engine::error::StoreError;
use crate::store::engine::schema::user_roles;
use crate::store::handle::Store;

/// Which accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// The account with this address, ignoring case.
    pub email: Option<String>,
    /// Those whose address or name begins so, ignoring case; `%` and `_` are letters.
    pub prefix: Option<String>,
    /// Those with this status.
    pub status: Option<Status>,
    /// Those with this role.
    pub role: Option<Role>,
    /// Those made after this time.
    pub created_after: Option<DateTime<Utc>>,
    /// Those made before this time.
    pub created_before: Option<DateTime<Utc>>,
}

/// By what the list is sorted; the id decides between equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserSort {
    /// By the time of creation, oldest first.
    CreatedAt,
    /// By the time of creation, newest first.
    CreatedAtDescending,
    /// By address.
    Email,
    /// By address, backwards.
    EmailDescending,
}

/// The value that a page ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// Of a list that is sorted by creation.
    CreatedAt(DateTime<Utc>),
    /// Of a list that is sorted by address.
    Email(String),
}

/// A page of the list.
#[derive(Clone, Debug)]
pub struct UserQuery {
    /// Which accounts.
    pub filter: UserFilter,
    /// In which order.
    pub sort: UserSort,
    /// Those after this one.
    pub after: Option<(SortKey, UserId)>,
    /// At most so many.
    pub limit: u16,
}

/// Accounts, and where the next page begins if there is one.
pub struct UserPage {
    /// The accounts.
    pub users: Vec<User>,
    /// What to pass as [`UserQuery::after`] for the next page.
    pub next: Option<(SortKey, UserId)>,
}

impl UserSort {
    /// The key of a user in this order.
    fn key(self, user: &User) -> SortKey {
        match self {
            Self::CreatedAt | Self::CreatedAtDescending => SortKey::CreatedAt(user.created_at),
            Self::Email | Self::EmailDescending => SortKey::Email(user.email.key()),
        }
    }
}

impl Store {
    /// A page of accounts, for who may list them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn list_users(
        &self,
        reach: &Reach<User, List>,
        query: UserQuery,
    ) -> Result<UserPage, StoreError> {
        let everyone = reach.row_filter().is_unrestricted();
        let vocabulary = self.shared().vocabulary.clone();
        self.read(move |conn| {
            let rows = if everyone { user_search_plans::rows(conn, &query)? } else { Vec::new() };
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
