//! The list of users, in keyset pages: page 10,000 costs what page 1 costs.

use diesel::prelude::*;

use super::user_list_query::{self, Loaded};
use super::user_rows::UserRow;
use crate::authz::action::List;
use crate::authz::{Reach, Vocabulary};
use crate::domain::{User, UserId};
use crate::on;
use crate::store::engine::schema::user_roles;
use crate::store::{SortKey, Store, StoreError, UserQuery};

/// A page of the list.
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// [`UserQuery::after`] of the next page, if there is one. It need not be the last of [`UserPage::users`].
    pub next: Option<(SortKey, UserId)>,
}

impl Store {
    /// Returns a page of users. A page can be short, or empty, and have a next one. A caller that reaches fewer than all of them gets none.
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
            if !everyone {
                return Ok(UserPage { users: Vec::new(), next: None });
            }
            let Loaded { rows, floor } = user_list_query::load(conn, &query)?;
            let ids: Vec<UserId> = rows.iter().take(usize::from(query.limit)).map(UserRow::id).collect();
            let roles: Vec<(UserId, String)> = on!(conn, |c| user_roles::table
                .filter(user_roles::user_id.eq_any(&ids))
                .select((user_roles::user_id, user_roles::role))
                .load(c))?;
            Ok(page(rows, floor, &roles, &vocabulary, &query))
        })
        .await
    }
}

fn page(
    rows: Vec<UserRow>,
    floor: Option<(SortKey, UserId)>,
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
    UserPage { next: if more { last } else { floor }, users }
}
