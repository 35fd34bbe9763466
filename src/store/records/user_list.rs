//! The list of users, in keyset pages: page 10,000 costs what page 1 costs.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;

use super::profiles;
use super::user_list_query::{self, Loaded};
use super::user_rows::UserRow;
use crate::authz::Reach;
use crate::authz::action::List;
use crate::domain::{ListedUser, ProfileClaim, User, UserId};
use crate::on;
use crate::store::engine::schema::{user_roles, users};
use crate::store::{Connection, SortKey, Store, StoreError, UserCount, UserQuery};

/// A page of the list.
pub struct UserPage {
    /// The users, with their names and pictures if the query asks for them.
    pub users: Vec<ListedUser>,
    /// [`UserQuery::after`] of the next page, if there is one. It need not be the last of [`UserPage::users`].
    pub next: Option<(SortKey, UserId)>,
    /// The number of users in the list, if the query asks for it.
    pub count: Option<UserCount>,
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
                return Ok(UserPage { users: Vec::new(), next: None, count: None });
            }
            let Loaded { rows, floor, count } = user_list_query::load(conn, &query)?;
            let ids: Vec<UserId> = rows.iter().take(usize::from(query.limit)).map(UserRow::id).collect();
            let roles: Vec<(UserId, String)> = on!(conn, |c| user_roles::table
                .filter(user_roles::user_id.eq_any(&ids))
                .select((user_roles::user_id, user_roles::role))
                .load(c))?;
            let more = rows.len() > usize::from(query.limit);
            let rows = rows.into_iter().take(usize::from(query.limit)).collect::<Vec<_>>();
            let last = rows.last().map(|row| (row.sort_key(query.sort), row.id()));
            let mut profiles = if query.shows_profiles { profiles_of(conn, &ids)? } else { HashMap::new() };
            let users = rows.into_iter().map(|row| {
                let id = row.id();
                let of_user = roles.iter().filter(|(user, _)| *user == id);
                let roles = of_user.filter_map(|(_, role)| vocabulary.role(role)).collect();
                let mut profile = profiles.remove(&id).unwrap_or_default();
                let [name, picture] =
                    [ProfileClaim::Name, ProfileClaim::Picture].map(|claim| profile.remove(&claim));
                ListedUser { user: row.with_roles(roles), name, picture }
            });
            Ok(UserPage { users: users.collect(), next: if more { last } else { floor }, count })
        })
        .await
    }
}

/// Reads the profiles of these users.
fn profiles_of(
    conn: &mut Connection,
    ids: &[UserId],
) -> Result<HashMap<UserId, BTreeMap<ProfileClaim, String>>, StoreError> {
    let rows: Vec<(UserId, String)> = on!(conn, |c| users::table
        .filter(users::id.eq_any(ids))
        .select((users::id, users::profile))
        .load(c))?;
    rows.into_iter().map(|(id, profile)| Ok((id, profiles::from_json(&profile)?))).collect()
}
