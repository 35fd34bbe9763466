//! The SQL of a page of users. Diesel cannot choose between two sources of one query without writing it twice,
//! so this query is a text. Nothing of a caller is in it: each value is a parameter.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::dialect::Dialect;
use super::search_terms;
use super::user_list_sql::{ALL, FOUND, Order, Source, Sql, Value, WITH_ROLE, run};
use super::user_rows::UserRow;
use crate::domain::{Email, Time, UserId};
use crate::store::engine::limit;
use crate::store::{Connection, Moment, SortKey, StoreError, Uid, UserCount, UserFilter, UserQuery};

/// Number of matches up to which a search sorts all of them. With more, it looks at users in the order of the
/// list until the page is full, which takes the fewer rows the more matches there are.
const MAX_SORTED_MATCHES: i64 = 4_000;

/// Number of users of which a page reads those that match, when it must look at each.
const MAX_READ: i64 = 10_000;

/// Largest number that is counted.
const MAX_COUNTED: i64 = 10_000;

/// The last user that a page looks at, in an order by a time.
#[derive(QueryableByName)]
struct FloorByTime {
    #[diesel(sql_type = Moment)]
    sort_key: Time,
    #[diesel(sql_type = Uid)]
    id: UserId,
}

/// The last user that a page looks at, in an order by a text.
#[derive(QueryableByName)]
struct FloorByText {
    #[diesel(sql_type = Text)]
    sort_key: String,
    #[diesel(sql_type = Uid)]
    id: UserId,
}

/// A number of users.
#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    counted: i64,
}

/// Users of a page, and the position at which it ends at the latest.
pub(in crate::store) struct Loaded {
    /// The users, and at least one more than the page has room for if there is one.
    pub(in crate::store) rows: Vec<UserRow>,
    /// The last user that was looked at. None when all others were.
    pub(in crate::store) floor: Option<(SortKey, UserId)>,
    /// The number of users of the list, if it was asked for.
    pub(in crate::store) count: Option<UserCount>,
}

/// Reads the users of a page.
pub(in crate::store) fn load(conn: &mut Connection, query: &UserQuery) -> Result<Loaded, StoreError> {
    let prefix = query.filter.prefix.as_deref().map(Email::search_key);
    let is_common = match &prefix {
        Some(prefix) => search_terms::is_common(conn, prefix, MAX_SORTED_MATCHES)?,
        None => false,
    };
    let has_own_index = query.sort.is_by_creation() || query.sort.is_by_email();
    let source = match &prefix {
        Some(_) if !is_common => FOUND,
        _ if query.filter.role.is_some() && has_own_index => WITH_ROLE,
        _ => ALL,
    };
    let order = Order::of(query, &source, Dialect::of(conn));
    let looks_at_each = source.looks_at_each(query, is_common);
    let floor = match looks_at_each {
        true => floor(conn, query, &source, &order)?,
        false => None,
    };
    let count = match query.counts {
        true => Some(count(conn, query, &source, prefix.as_deref(), looks_at_each)?),
        false => None,
    };
    let dialect = Dialect::of(conn);
    let rows = run(conn, page(query, &source, &order, dialect, prefix.as_deref(), floor.as_ref()))?;
    Ok(Loaded { rows, floor, count })
}

/// Counts the users of the list, whatever the page. Where no index serves the filters, it looks at the first
/// [`MAX_READ`] users.
fn count(
    conn: &mut Connection,
    query: &UserQuery,
    source: &Source,
    prefix: Option<&str>,
    looks_at_each: bool,
) -> Result<UserCount, StoreError> {
    let whole = UserQuery { after: None, ..query.clone() };
    let order = Order::of(&whole, source, Dialect::of(conn));
    let floor = match looks_at_each {
        true => floor(conn, &whole, source, &order)?,
        false => None,
    };
    let mut sql = Sql::default();
    if let Some(prefix) = prefix.filter(|_| source.is_found()) {
        sql.found(Dialect::of(conn), prefix);
    }
    sql.push(
        &format!("SELECT count(*) AS counted FROM (SELECT 1 AS one FROM {} WHERE TRUE", source.from),
        [],
    );
    sql.filter(&whole, source);
    sql.matching(prefix, source);
    if let Some(floor) = &floor {
        sql.down_to(&order, floor);
    }
    sql.push(&format!(" LIMIT {}) AS counted_users", MAX_COUNTED + 1), []);
    let counted = run(conn, sql)?.pop().map_or(0, |Counted { counted }| counted);
    let count = u32::try_from(counted.min(MAX_COUNTED)).unwrap_or_default();
    Ok(UserCount { count, is_capped: counted > MAX_COUNTED || floor.is_some() })
}

/// Reads the last user that a page may look at, by the filters that an index serves.
fn floor(
    conn: &mut Connection,
    query: &UserQuery,
    source: &Source,
    order: &Order<'_>,
) -> Result<Option<(SortKey, UserId)>, StoreError> {
    let Order { key, id, .. } = order;
    let mut sql = Sql::default();
    // Without a join, which PostgreSQL may do with a scan of all users.
    let from = if source.of_role { "user_roles" } else { source.from };
    sql.push(&format!("SELECT {key} AS sort_key, {id} AS id FROM {from} WHERE TRUE"), []);
    let has_status_index = query.sort.is_by_creation() || query.sort.is_by_email();
    match (query.filter.role, query.filter.status) {
        (Some(role), _) if source.of_role => {
            sql.push(" AND user_roles.role = ?", [Value::Text(role.as_str().to_owned())]);
        }
        (None, Some(status)) if has_status_index => {
            sql.push(" AND users.status = ?", [Value::Text(status.as_str().to_owned())]);
        }
        _ => {}
    }
    if query.sort.is_by_creation() {
        sql.created(query, source);
    }
    sql.order(order);
    sql.push(&format!(" LIMIT 1 OFFSET {}", MAX_READ - 1), []);
    Ok(match order.is_by_text {
        true => run(conn, sql)?.pop().map(|FloorByText { sort_key, id }| (SortKey::Text(sort_key), id)),
        false => run(conn, sql)?.pop().map(|FloorByTime { sort_key, id }| (SortKey::Time(sort_key.0), id)),
    })
}

/// Returns the query of a page, down to `floor`.
fn page(
    query: &UserQuery,
    source: &Source,
    order: &Order<'_>,
    dialect: Dialect,
    prefix: Option<&str>,
    floor: Option<&(SortKey, UserId)>,
) -> Sql {
    let mut sql = Sql::default();
    if let Some(prefix) = prefix.filter(|_| source.is_found()) {
        sql.found(dialect, prefix);
    }
    sql.push(&format!("SELECT {} FROM {} WHERE TRUE", source.columns(), source.from), []);
    sql.filter(query, source);
    sql.matching(prefix, source);
    if let Some(floor) = floor {
        sql.down_to(order, floor);
    }
    sql.order(order);
    sql.push(&format!(" LIMIT {}", limit::page_size(query.limit)), []);
    sql
}

impl Source {
    /// Returns true when a filter of the query is served by no index in the order of the list.
    fn looks_at_each(&self, query: &UserQuery, is_common: bool) -> bool {
        let UserFilter { email, external_id, role, status, created_after, created_before, .. } =
            &query.filter;
        let by_time = created_after.is_some() || created_before.is_some();
        let has_own_index = query.sort.is_by_creation() || query.sort.is_by_email();
        let is_filtered = role.is_some() || status.is_some() || by_time;
        let unserved = is_common
            || (role.is_some() && status.is_some())
            || (by_time && !query.sort.is_by_creation())
            || (is_filtered && !has_own_index);
        !self.is_found() && email.is_none() && external_id.is_none() && unserved
    }
}
