//! The list of accounts: filters, order, and pages by keyset, so that the ten-thousandth page
//! costs what the first does.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::Store;
use super::error::StoreError;
use super::schema::{user_roles, users};
use super::users::UserRow;
use crate::authz::action::List;
use crate::authz::{Reach, Vocabulary};
use crate::domain::{Email, Role, Status, Time, User, UserId, fold_case};
use crate::on;

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
        let everyone = reach.sight().is_everything();
        let vocabulary = self.0.vocabulary.clone();
        self.read(move |conn| {
            let rows: Vec<UserRow> = on!(conn, DB, |c| {
                let mut list = users::table.select(UserRow::as_select()).into_boxed::<DB>();
                if !everyone {
                    list = list.filter(false.into_sql::<diesel::sql_types::Bool>());
                }
                let filter = &query.filter;
                if let Some(email) = &filter.email {
                    list = list.filter(users::email_key.eq(Email::comparable(email)));
                }
                if let Some(prefix) = &filter.prefix {
                    let from = fold_case(prefix);
                    let email = users::email_key.ge(from.clone());
                    let name = users::name_key.assume_not_null().ge(from.clone());
                    list = match successor(&from) {
                        Some(to) => list.filter(
                            email.and(users::email_key.lt(to.clone())).or(users::name_key
                                .is_not_null()
                                .and(name.and(users::name_key.assume_not_null().lt(to)))),
                        ),
                        None => list.filter(email.or(users::name_key.is_not_null().and(name))),
                    };
                }
                if let Some(status) = filter.status {
                    list = list.filter(users::status.eq(status.as_str()));
                }
                if let Some(role) = filter.role {
                    let with_role = user_roles::table
                        .filter(user_roles::user_id.eq(users::id))
                        .filter(user_roles::role.eq(role.as_str()));
                    list = list.filter(diesel::dsl::exists(with_role));
                }
                if let Some(after) = filter.created_after {
                    list = list.filter(users::created_at.gt(Time(after)));
                }
                if let Some(before) = filter.created_before {
                    list = list.filter(users::created_at.lt(Time(before)));
                }
                // `a >= x AND (a > x OR id > y)` uses the index; `a > x OR (a = x AND id > y)` scans.
                list = match (query.sort, &query.after) {
                    (UserSort::CreatedAt, Some((SortKey::CreatedAt(at), id))) => list
                        .filter(users::created_at.ge(Time(*at)))
                        .filter(users::created_at.gt(Time(*at)).or(users::id.gt(id))),
                    (UserSort::CreatedAtDescending, Some((SortKey::CreatedAt(at), id))) => list
                        .filter(users::created_at.le(Time(*at)))
                        .filter(users::created_at.lt(Time(*at)).or(users::id.lt(id))),
                    (UserSort::Email, Some((SortKey::Email(key), _))) => {
                        list.filter(users::email_key.gt(key.clone()))
                    }
                    (UserSort::EmailDescending, Some((SortKey::Email(key), _))) => {
                        list.filter(users::email_key.lt(key.clone()))
                    }
                    _ => list,
                };
                list = match query.sort {
                    UserSort::CreatedAt => list.order((users::created_at.asc(), users::id.asc())),
                    UserSort::CreatedAtDescending => list.order((users::created_at.desc(), users::id.desc())),
                    UserSort::Email => list.order(users::email_key.asc()),
                    UserSort::EmailDescending => list.order(users::email_key.desc()),
                };
                list.limit(i64::from(query.limit) + 1).load(c)
            })?;
            let ids: Vec<UserId> = rows.iter().map(UserRow::id).collect();
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

/// The least text that is greater than every text with this prefix.
fn successor(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        if let Some(next) = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::successor;

    #[test]
    fn the_successor_of_a_prefix_is_beyond_everything_that_begins_with_it() {
        assert_eq!(successor("ab").as_deref(), Some("ac"));
        assert_eq!(successor("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(successor("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(successor("\u{10ffff}"), None);
    }
}
