//! The list of accounts: filters, order, and pages by keyset, so that the ten-thousandth page
//! costs what the first does.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::Store;
use super::conn::Connection;
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

/// So many accounts are sorted for a page. When more begin with what is searched, the page is found by
/// walking them in their order instead: that many are never far.
const MANY: i64 = 10_000;

diesel::define_sql_function! {
    /// The same, and no index is used for it: of two that could be, this one is not.
    fn coalesce<T: diesel::sql_types::SqlType + diesel::sql_types::SingleValue>(one: T, other: T) -> T;
}

/// The filters, the order and the limit, on the columns by which this way goes. Those that are given as
/// [`coalesce`] are looked at in each row that the others lead to.
macro_rules! narrowed {
    ($list:expr, $query:expr, $created:expr, $email:expr, $id:expr, $status:expr, $email_key:expr, $name_key:expr) => {{
        let (mut list, query) = ($list, $query);
        let filter = &query.filter;
        if let Some(prefix) = &filter.prefix {
            let from = fold_case(prefix);
            let (email, name) = ($email_key.ge(from.clone()), $name_key.ge(from.clone()));
            list = match successor(&from) {
                Some(to) => list.filter(email.and($email_key.lt(to.clone())).or(name.and($name_key.lt(to)))),
                None => list.filter(email.or(name)),
            };
        }
        if let Some(status) = filter.status {
            list = list.filter($status.eq(status.as_str()));
        }
        if let Some(after) = filter.created_after {
            list = list.filter($created.gt(Time(after)));
        }
        if let Some(before) = filter.created_before {
            list = list.filter($created.lt(Time(before)));
        }
        // `a >= x AND (a > x OR id > y)` uses the index; `a > x OR (a = x AND id > y)` scans.
        list = match (query.sort, &query.after) {
            (UserSort::CreatedAt, Some((SortKey::CreatedAt(at), id))) => {
                list.filter($created.ge(Time(*at))).filter($created.gt(Time(*at)).or($id.gt(id)))
            }
            (UserSort::CreatedAtDescending, Some((SortKey::CreatedAt(at), id))) => {
                list.filter($created.le(Time(*at))).filter($created.lt(Time(*at)).or($id.lt(id)))
            }
            (UserSort::Email, Some((SortKey::Email(key), _))) => list.filter($email.gt(key.clone())),
            (UserSort::EmailDescending, Some((SortKey::Email(key), _))) => {
                list.filter($email.lt(key.clone()))
            }
            _ => list,
        };
        list = match query.sort {
            UserSort::CreatedAt => list.order(($created.asc(), $id.asc())),
            UserSort::CreatedAtDescending => list.order(($created.desc(), $id.desc())),
            UserSort::Email => list.order($email.asc()),
            UserSort::EmailDescending => list.order($email.desc()),
        };
        list.limit(i64::from(query.limit) + 1)
    }};
}

/// What finds the accounts of a page.
enum Way {
    /// The address, or the beginning of one or of a name: few have it, and they are sorted.
    Few,
    /// The role, in the order of the list.
    Role(Role),
    /// The status, or none: all, in the order of the list.
    Order,
}

impl Way {
    fn of(conn: &mut Connection, filter: &UserFilter) -> Result<Self, StoreError> {
        let few = match (&filter.email, &filter.prefix) {
            (Some(_), _) => true,
            (None, Some(prefix)) => !many_begin_with(conn, prefix)?,
            (None, None) => false,
        };
        Ok(match (few, filter.role) {
            (true, _) => Self::Few,
            (false, Some(role)) => Self::Role(role),
            (false, None) => Self::Order,
        })
    }
}

/// Whether more addresses, or more names, begin so than are sorted for a page.
fn many_begin_with(conn: &mut Connection, prefix: &str) -> Result<bool, StoreError> {
    let from = fold_case(prefix);
    let to = successor(&from).unwrap_or_else(|| char::MAX.to_string());
    let emails = users::table.filter(users::email_key.ge(&from)).filter(users::email_key.lt(&to));
    let emails = emails.select(users::email_key).order(users::email_key).offset(MANY).limit(1);
    let names = users::table.filter(users::name_key.ge(&from)).filter(users::name_key.lt(&to));
    let names = names.select(users::name_key).order(users::name_key).offset(MANY).limit(1);
    let email: Option<String> = on!(conn, |c| emails.get_result(c).optional())?;
    let name: Option<Option<String>> = on!(conn, |c| names.get_result(c).optional())?;
    Ok(email.is_some() || name.is_some())
}

fn rows(conn: &mut Connection, query: &UserQuery) -> Result<Vec<UserRow>, StoreError> {
    let way = Way::of(conn, &query.filter)?;
    Ok(on!(conn, DB, |c| match way {
        Way::Few => {
            let mut list = users::table.select(UserRow::as_select()).into_boxed::<DB>();
            if let Some(email) = &query.filter.email {
                list = list.filter(users::email_key.eq(Email::comparable(email)));
            }
            if let Some(role) = query.filter.role {
                let with_role = user_roles::table
                    .filter(user_roles::user_id.eq(users::id))
                    .filter(user_roles::role.eq(role.as_str()));
                list = list.filter(diesel::dsl::exists(with_role));
            }
            narrowed!(
                list,
                query,
                coalesce(users::created_at, users::created_at),
                coalesce(users::email_key, users::email_key),
                coalesce(users::id, users::id),
                coalesce(users::status, users::status),
                users::email_key,
                users::name_key.assume_not_null()
            )
            .load(c)
        }
        Way::Role(role) => {
            let with_role = user_roles::table.inner_join(users::table).select(UserRow::as_select());
            let list = with_role.into_boxed::<DB>().filter(user_roles::role.eq(role.as_str()));
            narrowed!(
                list,
                query,
                user_roles::created_at,
                user_roles::email_key,
                user_roles::user_id,
                users::status,
                coalesce(users::email_key, users::email_key),
                coalesce(users::name_key, users::name_key).assume_not_null()
            )
            .load(c)
        }
        Way::Order => {
            let list = users::table.select(UserRow::as_select()).into_boxed::<DB>();
            narrowed!(
                list,
                query,
                users::created_at,
                users::email_key,
                users::id,
                users::status,
                coalesce(users::email_key, users::email_key),
                coalesce(users::name_key, users::name_key).assume_not_null()
            )
            .load(c)
        }
    })?)
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
            let rows = if everyone { rows(conn, &query)? } else { Vec::new() };
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
