//! How the accounts of a page are found, so that it costs the same whether there are a thousand or ten million.

use diesel::prelude::*;

use super::user_search::{SortKey, UserQuery, UserSort};
use super::users::UserRow;
use crate::domain::{Email, Role, Time, UserId, fold_case};
use crate::on;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::limit;
use crate::store::engine::schema::{user_roles, users};

/// So many accounts are sorted for a page. When more begin with what is searched, the page is found by
/// walking them in their order instead: that many are never far.
const MANY: i64 = 10_000;

/// So many accounts of the list are looked at for each of a page, before it is asked how many begin with what
/// is searched. Where one in twenty does, they fill the page.
const NEAR: i64 = 32;

diesel::define_sql_function! {
    /// The same, and no index is used for it: of two that could be, this one is not.
    fn coalesce<T: diesel::sql_types::SqlType + diesel::sql_types::SingleValue>(one: T, other: T) -> T;
}

/// What finds the accounts of a page.
#[derive(Clone, Copy)]
enum Way {
    /// The address, or the beginning of one or of a name: few have it, and they are sorted.
    Few,
    /// The role, in the order of the list.
    Role(Role),
    /// The status, or none: all, in the order of the list.
    Order,
}

/// The account up to which one way goes.
enum Edge {
    CreatedAt(Time, UserId),
    Email(String),
}

/// Those that begin with what is searched, on the columns by which this way goes. What is given as [`coalesce`], here and
/// below, is looked at in each row that the others lead to.
macro_rules! searched {
    ($list:expr, $query:expr, $email_key:expr, $name_key:expr) => {{
        match &$query.filter.prefix {
            None => $list,
            Some(prefix) => {
                let from = fold_case(prefix);
                let (email, name) = ($email_key.ge(from.clone()), $name_key.ge(from.clone()));
                match successor(&from) {
                    Some(to) => {
                        $list.filter(email.and($email_key.lt(to.clone())).or(name.and($name_key.lt(to))))
                    }
                    None => $list.filter(email.or(name)),
                }
            }
        }
    }};
}

/// Those with the status.
macro_rules! with_status {
    ($list:expr, $query:expr, $status:expr) => {
        match $query.filter.status {
            None => $list,
            Some(status) => $list.filter($status.eq(status.as_str())),
        }
    };
}

/// The order, from the end of the page before, and what was made when.
macro_rules! ordered {
    ($list:expr, $query:expr, $created:expr, $email:expr, $id:expr) => {{
        let (mut list, query) = ($list, $query);
        let filter = &query.filter;
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
        match query.sort {
            UserSort::CreatedAt => list.order(($created.asc(), $id.asc())),
            UserSort::CreatedAtDescending => list.order(($created.desc(), $id.desc())),
            UserSort::Email => list.order($email.asc()),
            UserSort::EmailDescending => list.order($email.desc()),
        }
    }};
}

/// Up to an account, where one is given, and the account itself.
macro_rules! within {
    ($list:expr, $query:expr, $edge:expr, $created:expr, $email:expr, $id:expr) => {
        match (&$edge, $query.sort) {
            (None, _) => $list,
            (Some(Edge::CreatedAt(at, id)), UserSort::CreatedAtDescending) => {
                $list.filter($created.ge(*at)).filter($created.gt(*at).or($id.ge(id)))
            }
            (Some(Edge::CreatedAt(at, id)), _) => {
                $list.filter($created.le(*at)).filter($created.lt(*at).or($id.le(id)))
            }
            (Some(Edge::Email(key)), UserSort::EmailDescending) => $list.filter($email.ge(key.clone())),
            (Some(Edge::Email(key)), _) => $list.filter($email.le(key.clone())),
        }
    };
}

/// A list in its order, in which each account is looked at until there are enough.
macro_rules! walked {
    ($list:expr, $query:expr, $edge:expr, $created:expr, $email:expr, $id:expr) => {{
        let list = within!($list, $query, $edge, $created, $email, $id);
        let list = searched!(
            list,
            $query,
            coalesce(users::email_key, users::email_key),
            coalesce(users::name_key, users::name_key).assume_not_null()
        );
        let list = with_status!(list, $query, users::status);
        ordered!(list, $query, $created, $email, $id)
    }};
}

/// The account that so many are before, in the order of a list. No column is read that the index does not have.
macro_rules! edge {
    ($list:expr, $query:expr, $before:expr, $c:expr, $created:expr, $email:expr, $id:expr) => {{
        let list = ordered!($list, $query, $created, $email, $id);
        match $query.sort {
            UserSort::CreatedAt | UserSort::CreatedAtDescending => {
                limit::after(list.select(($created, $id)), $before)
                    .get_result($c)
                    .optional()
                    .map(|found| found.map(|(at, id)| Edge::CreatedAt(at, id)))
            }
            UserSort::Email | UserSort::EmailDescending => limit::after(list.select($email), $before)
                .get_result($c)
                .optional()
                .map(|found| found.map(Edge::Email)),
        }
    }};
}

/// The accounts of a page, and at least one more where there is one.
pub(in crate::store) fn rows(conn: &mut Connection, query: &UserQuery) -> Result<Vec<UserRow>, StoreError> {
    let filter = &query.filter;
    let in_order = filter.role.map_or(Way::Order, Way::Role);
    match (&filter.email, &filter.prefix) {
        (Some(_), _) => by(Way::Few, conn, query, None),
        (None, Some(prefix)) => that_begin_with(prefix, in_order, conn, query),
        (None, None) => by(in_order, conn, query, None),
    }
}

/// What costs least is tried first: no more than a page are sorted; many are near; and only then it matters
/// whether there are more than can be sorted.
fn that_begin_with(
    prefix: &str,
    in_order: Way,
    conn: &mut Connection,
    query: &UserQuery,
) -> Result<Vec<UserRow>, StoreError> {
    let page = limit::page_size(query.limit);
    if !more_begin_with(prefix, page, conn)? {
        return by(Way::Few, conn, query, None);
    }
    let edge = edge_of(in_order, NEAR * page, conn, query)?;
    let is_all = edge.is_none();
    let near = by(in_order, conn, query, edge)?;
    if is_all || near.len() > usize::from(query.limit) {
        return Ok(near);
    }
    let way = if more_begin_with(prefix, MANY, conn)? { in_order } else { Way::Few };
    by(way, conn, query, None)
}

/// Whether there are more addresses, or more names, than that.
fn more_begin_with(prefix: &str, than: i64, conn: &mut Connection) -> Result<bool, StoreError> {
    let from = fold_case(prefix);
    let to = successor(&from).unwrap_or_else(|| char::MAX.to_string());
    let emails = users::table.filter(users::email_key.ge(&from)).filter(users::email_key.lt(&to));
    let emails = emails.select(users::email_key).order(users::email_key);
    let names = users::table.filter(users::name_key.ge(&from)).filter(users::name_key.lt(&to));
    let names = names.select(users::name_key).order(users::name_key);
    let email: Option<String> = on!(conn, |c| limit::after(emails, than).get_result(c).optional())?;
    if email.is_some() {
        return Ok(true);
    }
    let name: Option<Option<String>> = on!(conn, |c| limit::after(names, than).get_result(c).optional())?;
    Ok(name.is_some())
}

fn edge_of(
    way: Way,
    before: i64,
    conn: &mut Connection,
    query: &UserQuery,
) -> Result<Option<Edge>, StoreError> {
    Ok(on!(conn, DB, |c| match way {
        Way::Few => Ok(None),
        Way::Role(role) => {
            let list = user_roles::table.into_boxed::<DB>().filter(user_roles::role.eq(role.as_str()));
            let (created, email, id) = (user_roles::created_at, user_roles::email_key, user_roles::user_id);
            edge!(list, query, before, c, created, email, id)
        }
        Way::Order => {
            let list = with_status!(users::table.into_boxed::<DB>(), query, users::status);
            edge!(list, query, before, c, users::created_at, users::email_key, users::id)
        }
    })?)
}

fn by(
    way: Way,
    conn: &mut Connection,
    query: &UserQuery,
    edge: Option<Edge>,
) -> Result<Vec<UserRow>, StoreError> {
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
            let list = searched!(list, query, users::email_key, users::name_key.assume_not_null());
            let list = with_status!(list, query, coalesce(users::status, users::status));
            let list = ordered!(
                list,
                query,
                coalesce(users::created_at, users::created_at),
                coalesce(users::email_key, users::email_key),
                coalesce(users::id, users::id)
            );
            limit::page(list, query.limit).load(c)
        }
        Way::Role(role) => {
            let with_role = user_roles::table.inner_join(users::table).select(UserRow::as_select());
            let list = with_role.into_boxed::<DB>().filter(user_roles::role.eq(role.as_str()));
            let (created, email, id) = (user_roles::created_at, user_roles::email_key, user_roles::user_id);
            limit::page(walked!(list, query, edge, created, email, id), query.limit).load(c)
        }
        Way::Order => {
            let list = users::table.select(UserRow::as_select()).into_boxed::<DB>();
            let list = walked!(list, query, edge, users::created_at, users::email_key, users::id);
            limit::page(list, query.limit).load(c)
        }
    })?)
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
