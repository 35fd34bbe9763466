//! The SQL of a page of users. Diesel cannot choose between two sources of one query without writing it twice,
//! so this query is a text. Nothing of a caller is in it: each value is a parameter.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::search_terms;
use super::user_rows::UserRow;
use crate::domain::{Email, Time, UserId, fold_case};
use crate::on;
use crate::store::engine::limit;
use crate::store::{
    Connection, Link, Moment, SortKey, StoreError, Uid, UserCount, UserFilter, UserQuery, UserSort,
};

/// Number of matches up to which a search sorts all of them. With more, it looks at users in the order of the
/// list until the page is full, which takes the fewer rows the more matches there are.
const MAX_SORTED_MATCHES: i64 = 4_000;

/// Number of users of which a page reads those that match, when it must look at each.
const MAX_READ: i64 = 10_000;

/// Largest number that is counted.
const MAX_COUNTED: i64 = 10_000;

/// The columns that [`UserRow`] reads.
const COLUMNS: [&str; 11] = [
    "id",
    "email",
    "email_verified",
    "status",
    "created_at",
    "updated_at",
    "last_login_at",
    "revision",
    "epoch",
    "name_key",
    "external_id",
];

/// Source of the rows, and the columns by which the list is filtered and sorted.
struct Source {
    from: &'static str,
    /// The table with [`COLUMNS`].
    users: &'static str,
    id: &'static str,
    created_at: &'static str,
    email_key: &'static str,
    /// Set when the rows are those of one role.
    of_role: bool,
}

/// All users, by the indexes of their table.
const ALL: Source = Source {
    from: "users",
    users: "users",
    id: "users.id",
    created_at: "users.created_at",
    email_key: "users.email_key",
    of_role: false,
};

/// The users with a role. `user_roles` repeats the sort keys, so that its indexes are in the order of the list.
const WITH_ROLE: Source = Source {
    from: "user_roles JOIN users ON users.id = user_roles.user_id",
    users: "users",
    id: "user_roles.user_id",
    created_at: "user_roles.created_at",
    email_key: "user_roles.email_key",
    of_role: true,
};

/// The users that a search found. They have no index, so the database sorts them.
const FOUND: Source = Source {
    from: "found",
    users: "found",
    id: "found.id",
    created_at: "found.created_at",
    email_key: "found.email_key",
    of_role: false,
};

enum Value {
    Text(String),
    Time(Time),
    Id(UserId),
}

/// A query text and the values of its parameters.
#[derive(Default)]
struct Sql {
    text: String,
    values: Vec<Value>,
}

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
    let prefix = query.filter.prefix.as_deref().map(fold_case);
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
    let order = Order::of(query, &source, conn);
    let looks_at_each = source.looks_at_each(query, is_common);
    let floor = match looks_at_each {
        true => order.floor(conn, query, &source)?,
        false => None,
    };
    let count = match query.counts {
        true => Some(count(conn, query, &source, prefix.as_deref(), looks_at_each)?),
        false => None,
    };
    let rows = run(conn, page(query, &source, &order, prefix.as_deref(), floor.as_ref()))?;
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
    let order = Order::of(&whole, source, conn);
    let floor = match looks_at_each {
        true => order.floor(conn, &whole, source)?,
        false => None,
    };
    let mut sql = Sql::default();
    if let (Some(prefix), "found") = (prefix, source.users) {
        sql.found(prefix);
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

/// Runs a query.
fn run<T>(conn: &mut Connection, sql: Sql) -> Result<Vec<T>, StoreError>
where
    T: QueryableByName<diesel::pg::Pg> + QueryableByName<diesel::sqlite::Sqlite> + 'static,
{
    Ok(on!(conn, DB, |c| {
        let mut statement = diesel::sql_query(&sql.text).into_boxed::<DB>();
        for value in sql.values {
            statement = match value {
                Value::Text(text) => statement.bind::<Text, _>(text),
                Value::Time(time) => statement.bind::<Moment, _>(time),
                Value::Id(id) => statement.bind::<Uid, _>(id),
            };
        }
        statement.load(c)
    })?)
}

/// The order of a list: the expression of its sort key, which has an index, and the position where the page begins.
struct Order<'q> {
    key: &'static str,
    id: &'static str,
    /// False when the key is unique, and the id need not decide between equal ones.
    has_ties: bool,
    is_by_text: bool,
    than: &'static str,
    direction: &'static str,
    after: Option<&'q (SortKey, UserId)>,
}

impl<'q> Order<'q> {
    fn of(query: &'q UserQuery, source: &Source, conn: &mut Connection) -> Self {
        let found = source.users == "found";
        let key = match (query.sort, conn.link()) {
            (UserSort::CreatedAt | UserSort::CreatedAtDescending, _) => source.created_at,
            (UserSort::Email | UserSort::EmailDescending, _) => source.email_key,
            (UserSort::Name | UserSort::NameDescending, _) if found => "COALESCE(found.name_key, '')",
            (UserSort::Name | UserSort::NameDescending, _) => "COALESCE(users.name_key, '')",
            (UserSort::LastLogin | UserSort::LastLoginDescending, Link::Sqlite(_)) if found => {
                "COALESCE(found.last_login_at, 0)"
            }
            (UserSort::LastLogin | UserSort::LastLoginDescending, Link::Sqlite(_)) => {
                "COALESCE(users.last_login_at, 0)"
            }
            (UserSort::LastLogin | UserSort::LastLoginDescending, Link::Postgres(_)) if found => {
                "COALESCE(found.last_login_at, TIMESTAMPTZ '1970-01-01 00:00:00+00')"
            }
            (UserSort::LastLogin | UserSort::LastLoginDescending, Link::Postgres(_)) => {
                "COALESCE(users.last_login_at, TIMESTAMPTZ '1970-01-01 00:00:00+00')"
            }
        };
        let (than, direction) = if query.sort.is_ascending() { (">", "ASC") } else { ("<", "DESC") };
        Self {
            key,
            id: source.id,
            has_ties: !query.sort.is_by_email(),
            is_by_text: query.sort.is_by_email() || query.sort.is_by_name(),
            than,
            direction,
            after: query.after.as_ref(),
        }
    }

    /// Reads the last user that a page may look at, by the filters that an index serves.
    fn floor(
        &self,
        conn: &mut Connection,
        query: &UserQuery,
        source: &Source,
    ) -> Result<Option<(SortKey, UserId)>, StoreError> {
        let Self { key, id, .. } = self;
        let mut sql = Sql::default();
        sql.push(&format!("SELECT {key} AS sort_key, {id} AS id FROM {} WHERE TRUE", source.from), []);
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
        sql.order(self);
        sql.push(&format!(" LIMIT 1 OFFSET {}", MAX_READ - 1), []);
        Ok(match self.is_by_text {
            true => run(conn, sql)?.pop().map(|FloorByText { sort_key, id }| (SortKey::Text(sort_key), id)),
            false => {
                run(conn, sql)?.pop().map(|FloorByTime { sort_key, id }| (SortKey::Time(sort_key.0), id))
            }
        })
    }
}

/// Returns the query of a page, down to `floor`.
fn page(
    query: &UserQuery,
    source: &Source,
    order: &Order<'_>,
    prefix: Option<&str>,
    floor: Option<&(SortKey, UserId)>,
) -> Sql {
    let mut sql = Sql::default();
    if let (Some(prefix), "found") = (prefix, source.users) {
        sql.found(prefix);
    }
    sql.push(&format!("SELECT {} FROM {} WHERE TRUE", columns(source.users), source.from), []);
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
        self.users != "found" && email.is_none() && external_id.is_none() && unserved
    }
}

fn columns(table: &str) -> String {
    COLUMNS.map(|column| format!("{table}.{column}")).join(", ")
}

impl Sql {
    /// Appends `text`, in which each `?` stands for the next of `values`.
    fn push(&mut self, text: &str, values: impl IntoIterator<Item = Value>) {
        let mut parts = text.split('?');
        self.text.push_str(parts.next().unwrap_or_default());
        for (part, value) in parts.zip(values) {
            self.values.push(value);
            // SQLite numbers `$1` by its first occurrence, PostgreSQL by its name: here both agree.
            self.text.push_str(&format!("${}{part}", self.values.len()));
        }
    }

    /// Begins the query with the users that match. `MATERIALIZED` keeps a database from reading all users in
    /// the order of the list instead, in search of the few that match.
    fn found(&mut self, prefix: &str) {
        let columns = columns("users");
        let matching = "SELECT user_id FROM user_search_terms WHERE term >= ? AND term < ?";
        let found = format!(
            "WITH found AS MATERIALIZED (SELECT {columns}, users.email_key FROM users WHERE id IN ({matching})) "
        );
        self.push(&found, search_terms::range(prefix).map(Value::Text));
    }

    fn filter(&mut self, query: &UserQuery, source: &Source) {
        let Source { users, id, email_key, .. } = source;
        let filter = &query.filter;
        if let Some(email) = &filter.email {
            self.push(&format!(" AND {email_key} = ?"), [Value::Text(Email::comparable(email))]);
        }
        if let Some(id) = &filter.external_id {
            self.push(&format!(" AND {users}.external_id = ?"), [Value::Text(id.as_str().to_owned())]);
        }
        if let Some(status) = filter.status {
            self.push(&format!(" AND {users}.status = ?"), [Value::Text(status.as_str().to_owned())]);
        }
        if let Some(role) = filter.role {
            let role = [Value::Text(role.as_str().to_owned())];
            let has_role = format!("SELECT 1 FROM user_roles WHERE user_roles.user_id = {id} AND role = ?");
            match source.of_role {
                true => self.push(" AND user_roles.role = ?", role),
                false => self.push(&format!(" AND EXISTS ({has_role})"), role),
            }
        }
        self.created(query, source);
    }

    /// Appends the range of the time of creation.
    fn created(&mut self, query: &UserQuery, source: &Source) {
        let (filter, created_at) = (&query.filter, source.created_at);
        if let Some(after) = filter.created_after {
            self.push(&format!(" AND {created_at} > ?"), [Value::Time(Time(after))]);
        }
        if let Some(before) = filter.created_before {
            self.push(&format!(" AND {created_at} < ?"), [Value::Time(Time(before))]);
        }
    }

    /// Appends the search in all users, where the matches are too many to be sorted.
    fn matching(&mut self, prefix: Option<&str>, source: &Source) {
        let Some(prefix) = prefix.filter(|_| source.users != "found") else { return };
        let of_user = format!("user_search_terms.user_id = {}", source.id);
        self.push(" AND EXISTS (SELECT 1 FROM user_search_terms WHERE ", []);
        self.push(
            &format!("{of_user} AND term >= ? AND term < ?)"),
            search_terms::range(prefix).map(Value::Text),
        );
    }

    /// Appends the condition that ends the page at `floor`, inclusive.
    fn down_to(&mut self, order: &Order<'_>, floor: &(SortKey, UserId)) {
        let than = if order.than == ">" { "<" } else { ">" };
        self.within(order, than, "=", floor);
    }

    /// Appends the keyset condition and the order.
    fn order(&mut self, order: &Order<'_>) {
        let Order { key, id, direction, .. } = order;
        if let Some(after) = order.after {
            self.within(order, order.than, "", after);
        }
        let ties = if order.has_ties { format!(", {id} {direction}") } else { String::new() };
        self.push(&format!(" ORDER BY {key} {direction}{ties}"), []);
    }

    /// Appends the condition that a user is on one side of a position, or at it when `or_equal` is `=`.
    fn within(
        &mut self,
        order: &Order<'_>,
        than: &str,
        or_equal: &str,
        (position, last): &(SortKey, UserId),
    ) {
        let Order { key, id, .. } = order;
        let value = || match position {
            SortKey::Time(time) => Value::Time(Time(*time)),
            SortKey::Text(text) => Value::Text(text.clone()),
        };
        match order.has_ties {
            // `a >= x AND (a > x OR id > y)` uses the index; `a > x OR (a = x AND id > y)` scans.
            true => self.push(
                &format!(" AND {key} {than}= ? AND ({key} {than} ? OR {id} {than}{or_equal} ?)"),
                [value(), value(), Value::Id(*last)],
            ),
            false => self.push(&format!(" AND {key} {than}{or_equal} ?"), [value()]),
        }
    }
}
