//! The SQL of a page of users. Diesel cannot choose between two sources of one query without writing it twice,
//! so this query is a text. Nothing of a caller is in it: each value is a parameter.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::search_terms;
use super::user_rows::UserRow;
use crate::domain::{Email, Time, UserId, fold_case};
use crate::on;
use crate::store::engine::limit;
use crate::store::{Connection, Moment, SortKey, StoreError, Uid, UserFilter, UserQuery, UserSort};

/// Number of matches up to which a search sorts all of them. With more, it looks at users in the order of the
/// list until the page is full, which takes the fewer rows the more matches there are.
const MAX_SORTED_MATCHES: i64 = 4_000;

/// Number of users of which a page reads those that match, when it must look at each.
const MAX_READ: i64 = 10_000;

/// The columns that [`UserRow`] reads.
const COLUMNS: [&str; 9] = [
    "id",
    "email",
    "email_verified",
    "status",
    "created_at",
    "updated_at",
    "last_login_at",
    "revision",
    "epoch",
];

/// Source of the rows, and the columns by which the list is filtered and sorted.
struct Source {
    from: &'static str,
    /// The table with [`COLUMNS`].
    users: &'static str,
    id: &'static str,
    created_at: &'static str,
    email_key: &'static str,
}

/// All users, by the indexes of their table.
const ALL: Source = Source {
    from: "users",
    users: "users",
    id: "users.id",
    created_at: "users.created_at",
    email_key: "users.email_key",
};

/// The users with a role. `user_roles` repeats the sort keys, so that its indexes are in the order of the list.
const WITH_ROLE: Source = Source {
    from: "user_roles JOIN users ON users.id = user_roles.user_id",
    users: "users",
    id: "user_roles.user_id",
    created_at: "user_roles.created_at",
    email_key: "user_roles.email_key",
};

/// The users that a search found. They have no index, so the database sorts them.
const FOUND: Source = Source {
    from: "found",
    users: "found",
    id: "found.id",
    created_at: "found.created_at",
    email_key: "found.email_key",
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

/// The last user that a page looks at.
#[derive(QueryableByName)]
struct Floor {
    #[diesel(sql_type = Moment)]
    created_at: Time,
    #[diesel(sql_type = Text)]
    email_key: String,
    #[diesel(sql_type = Uid)]
    id: UserId,
}

/// Users of a page, and the position at which it ends at the latest.
pub(in crate::store) struct Loaded {
    /// The users, and at least one more than the page has room for if there is one.
    pub(in crate::store) rows: Vec<UserRow>,
    /// The last user that was looked at. None when all others were.
    pub(in crate::store) floor: Option<(SortKey, UserId)>,
}

/// Reads the users of a page.
pub(in crate::store) fn load(conn: &mut Connection, query: &UserQuery) -> Result<Loaded, StoreError> {
    let prefix = query.filter.prefix.as_deref().map(fold_case);
    let is_common = match &prefix {
        Some(prefix) => search_terms::is_common(conn, prefix, MAX_SORTED_MATCHES)?,
        None => false,
    };
    let source = match &prefix {
        Some(_) if !is_common => FOUND,
        _ if query.filter.role.is_some() => WITH_ROLE,
        _ => ALL,
    };
    let floor: Option<Floor> = match source.looks_at_each(query, is_common) {
        true => run(conn, floor(query, &source))?.pop(),
        false => None,
    };
    let floor = floor.map(|Floor { created_at, email_key, id }| match query.sort {
        UserSort::CreatedAt | UserSort::CreatedAtDescending => (SortKey::CreatedAt(created_at.0), id),
        UserSort::Email | UserSort::EmailDescending => (SortKey::Email(email_key), id),
    });
    let rows = run(conn, page(query, &source, prefix.as_deref(), floor.as_ref()))?;
    Ok(Loaded { rows, floor })
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

/// Returns the query of the last user that a page may look at, by the filters that an index serves.
fn floor(query: &UserQuery, source: &Source) -> Sql {
    let mut sql = Sql::default();
    let Source { from, id, created_at, email_key, .. } = source;
    let columns = format!("{created_at} AS created_at, {email_key} AS email_key, {id} AS id");
    sql.push(&format!("SELECT {columns} FROM {from} WHERE TRUE"), []);
    match (query.filter.role, query.filter.status) {
        (Some(role), _) => sql.push(" AND user_roles.role = ?", [Value::Text(role.as_str().to_owned())]),
        (None, Some(status)) => {
            sql.push(" AND users.status = ?", [Value::Text(status.as_str().to_owned())]);
        }
        (None, None) => {}
    }
    if matches!(query.sort, UserSort::CreatedAt | UserSort::CreatedAtDescending) {
        sql.created(query, source);
    }
    sql.order(query, source);
    sql.push(&format!(" LIMIT 1 OFFSET {}", MAX_READ - 1), []);
    sql
}

/// Returns the query of a page, down to `floor`.
fn page(query: &UserQuery, source: &Source, prefix: Option<&str>, floor: Option<&(SortKey, UserId)>) -> Sql {
    let mut sql = Sql::default();
    if let (Some(prefix), "found") = (prefix, source.users) {
        sql.found(prefix);
    }
    sql.push(&format!("SELECT {} FROM {} WHERE TRUE", columns(source.users), source.from), []);
    sql.filter(query, source);
    if let Some(prefix) = prefix.filter(|_| source.users != "found") {
        let of_user = format!("user_search_terms.user_id = {}", source.id);
        sql.push(" AND EXISTS (SELECT 1 FROM user_search_terms WHERE ", []);
        sql.push(
            &format!("{of_user} AND term >= ? AND term < ?)"),
            search_terms::range(prefix).map(Value::Text),
        );
    }
    if let Some(floor) = floor {
        sql.down_to(query, source, floor);
    }
    sql.order(query, source);
    sql.push(&format!(" LIMIT {}", limit::page_size(query.limit)), []);
    sql
}

impl Source {
    /// Returns true when a filter of the query is served by no index in the order of the list.
    fn looks_at_each(&self, query: &UserQuery, is_common: bool) -> bool {
        let UserFilter { email, role, status, created_after, created_before, .. } = &query.filter;
        let by_time = created_after.is_some() || created_before.is_some();
        let by_email = matches!(query.sort, UserSort::Email | UserSort::EmailDescending);
        let unserved = is_common || (role.is_some() && status.is_some()) || (by_time && by_email);
        self.users != "found" && email.is_none() && unserved
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
        if let Some(status) = filter.status {
            self.push(&format!(" AND {users}.status = ?"), [Value::Text(status.as_str().to_owned())]);
        }
        if let Some(role) = filter.role {
            let role = [Value::Text(role.as_str().to_owned())];
            let has_role = format!("SELECT 1 FROM user_roles WHERE user_roles.user_id = {id} AND role = ?");
            match *users {
                "found" => self.push(&format!(" AND EXISTS ({has_role})"), role),
                _ => self.push(" AND user_roles.role = ?", role),
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

    /// Appends the condition that ends the page at `floor`, inclusive.
    fn down_to(&mut self, query: &UserQuery, source: &Source, floor: &(SortKey, UserId)) {
        let Source { id, created_at, email_key, .. } = source;
        let than = match query.sort {
            UserSort::CreatedAt | UserSort::Email => "<",
            UserSort::CreatedAtDescending | UserSort::EmailDescending => ">",
        };
        match floor {
            (SortKey::CreatedAt(at), last) => self.push(
                &format!(" AND {created_at} {than}= ? AND ({created_at} {than} ? OR {id} {than}= ?)"),
                [Value::Time(Time(*at)), Value::Time(Time(*at)), Value::Id(*last)],
            ),
            (SortKey::Email(key), _) => {
                self.push(&format!(" AND {email_key} {than}= ?"), [Value::Text(key.clone())]);
            }
        }
    }

    /// Appends the keyset condition and the order.
    fn order(&mut self, query: &UserQuery, source: &Source) {
        let Source { id, created_at, email_key, .. } = source;
        let (than, direction) = match query.sort {
            UserSort::CreatedAt | UserSort::Email => (">", "ASC"),
            UserSort::CreatedAtDescending | UserSort::EmailDescending => ("<", "DESC"),
        };
        // `a >= x AND (a > x OR id > y)` uses the index; `a > x OR (a = x AND id > y)` scans.
        match &query.after {
            Some((SortKey::CreatedAt(at), last)) => self.push(
                &format!(" AND {created_at} {than}= ? AND ({created_at} {than} ? OR {id} {than} ?)"),
                [Value::Time(Time(*at)), Value::Time(Time(*at)), Value::Id(*last)],
            ),
            Some((SortKey::Email(key), _)) => {
                self.push(&format!(" AND {email_key} {than} ?"), [Value::Text(key.clone())]);
            }
            None => {}
        }
        let keys = match query.sort {
            UserSort::CreatedAt | UserSort::CreatedAtDescending => {
                format!("{created_at} {direction}, {id} {direction}")
            }
            UserSort::Email | UserSort::EmailDescending => format!("{email_key} {direction}"),
        };
        self.push(&format!(" ORDER BY {keys}"), []);
    }
}
