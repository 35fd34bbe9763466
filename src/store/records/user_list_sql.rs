//! The parts of the SQL of a list of users: its source, its order, and the text with its parameters.

use std::borrow::Cow;

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::dialect::Dialect;
use super::search_terms;
use crate::domain::{Email, Time, UserId};
use crate::on;
use crate::store::{Connection, Moment, SortKey, StoreError, Uid, UserQuery, UserSort};

/// The columns that [`UserRow`] reads.
const COLUMNS: [&str; 12] = [
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
    "pending_email",
];

/// Source of the rows, and the columns by which the list is filtered and sorted.
pub(super) struct Source {
    pub(super) from: &'static str,
    /// The table with [`COLUMNS`].
    pub(super) users: &'static str,
    pub(super) id: &'static str,
    pub(super) created_at: &'static str,
    pub(super) email_key: &'static str,
    /// Set when the rows are those of one role.
    pub(super) of_role: bool,
}

/// All users, by the indexes of their table.
pub(super) const ALL: Source = Source {
    from: "users",
    users: "users",
    id: "users.id",
    created_at: "users.created_at",
    email_key: "users.email_key",
    of_role: false,
};

/// The users with a role. `user_roles` repeats the sort keys, so that its indexes are in the order of the list.
pub(super) const WITH_ROLE: Source = Source {
    from: "user_roles JOIN users ON users.id = user_roles.user_id",
    users: "users",
    id: "user_roles.user_id",
    created_at: "user_roles.created_at",
    email_key: "user_roles.email_key",
    of_role: true,
};

/// The users that a search found. They have no index, so the database sorts them.
pub(super) const FOUND: Source = Source {
    from: "found",
    users: "found",
    id: "found.id",
    created_at: "found.created_at",
    email_key: "found.email_key",
    of_role: false,
};

pub(super) enum Value {
    Text(String),
    Time(Time),
    Id(UserId),
}

/// A query text and the values of its parameters.
#[derive(Default)]
pub(super) struct Sql {
    text: String,
    values: Vec<Value>,
}

/// The order of a list: the expression of its sort key, which has an index, and the position where the page begins.
pub(super) struct Order<'q> {
    dialect: Dialect,
    pub(super) key: Cow<'static, str>,
    pub(super) id: &'static str,
    /// False when the key is unique, and the id need not decide between equal ones.
    pub(super) has_ties: bool,
    pub(super) is_by_text: bool,
    pub(super) than: &'static str,
    pub(super) direction: &'static str,
    pub(super) after: Option<&'q (SortKey, UserId)>,
}

impl<'q> Order<'q> {
    pub(super) fn of(query: &'q UserQuery, source: &Source, dialect: Dialect) -> Self {
        let users = source.users;
        let key: Cow<'static, str> = match query.sort {
            UserSort::CreatedAt | UserSort::CreatedAtDescending => source.created_at.into(),
            UserSort::Email | UserSort::EmailDescending => source.email_key.into(),
            UserSort::Name | UserSort::NameDescending => format!("COALESCE({users}.name_key, '')").into(),
            UserSort::LastLogin | UserSort::LastLoginDescending => {
                let never = match dialect {
                    Dialect::Sqlite => "0",
                    Dialect::Postgres => "TIMESTAMPTZ '1970-01-01 00:00:00+00'",
                };
                format!("COALESCE({users}.last_login_at, {never})").into()
            }
        };
        let (than, direction) = if query.sort.is_ascending() { (">", "ASC") } else { ("<", "DESC") };
        Self {
            dialect,
            key,
            id: source.id,
            has_ties: !query.sort.is_by_email(),
            is_by_text: query.sort.is_by_email() || query.sort.is_by_name(),
            than,
            direction,
            after: query.after.as_ref(),
        }
    }
}

impl Source {
    /// True when the rows are the users that a search found.
    pub(super) fn is_found(&self) -> bool {
        self.users == FOUND.users
    }

    /// Returns the list of [`COLUMNS`] in a query.
    pub(super) fn columns(&self) -> String {
        columns(self.users)
    }
}

fn columns(table: &str) -> String {
    COLUMNS.map(|column| format!("{table}.{column}")).join(", ")
}

impl Sql {
    /// Appends `text`, in which each `?` stands for the next of `values`.
    pub(super) fn push(&mut self, text: &str, values: impl IntoIterator<Item = Value>) {
        let mut parts = text.split('?');
        self.text.push_str(parts.next().unwrap_or_default());
        for (part, value) in parts.zip(values) {
            self.values.push(value);
            // SQLite numbers `$1` by its first occurrence, PostgreSQL by its name: here both agree.
            self.text.push_str(&format!("${}{part}", self.values.len()));
        }
    }

    /// Begins the query with the users that match. `MATERIALIZED` keeps a database from reading all users in
    /// the order of the list instead, in search of the few that match. Each of them is looked up by its id.
    pub(super) fn found(&mut self, dialect: Dialect, prefix: &str) {
        let columns = columns("users");
        let matching = "SELECT user_id FROM user_search_terms WHERE term >= ? AND term < ?";
        let matching = dialect.is_one_of("id", matching);
        let found = format!(
            "WITH found AS MATERIALIZED (SELECT {columns}, users.email_key FROM users WHERE {matching}) "
        );
        self.push(&found, search_terms::range(prefix).map(Value::Text));
    }

    pub(super) fn filter(&mut self, query: &UserQuery, source: &Source) {
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
    pub(super) fn created(&mut self, query: &UserQuery, source: &Source) {
        let (filter, created_at) = (&query.filter, source.created_at);
        if let Some(after) = filter.created_after {
            self.push(&format!(" AND {created_at} > ?"), [Value::Time(Time(after))]);
        }
        if let Some(before) = filter.created_before {
            self.push(&format!(" AND {created_at} < ?"), [Value::Time(Time(before))]);
        }
    }

    /// Appends the search in all users, where the matches are too many to be sorted.
    pub(super) fn matching(&mut self, prefix: Option<&str>, source: &Source) {
        let Some(prefix) = prefix.filter(|_| !source.is_found()) else { return };
        let of_user = format!("user_search_terms.user_id = {}", source.id);
        self.push(" AND EXISTS (SELECT 1 FROM user_search_terms WHERE ", []);
        self.push(
            &format!("{of_user} AND term >= ? AND term < ?)"),
            search_terms::range(prefix).map(Value::Text),
        );
    }

    /// Appends the condition that ends the page at `floor`, inclusive.
    pub(super) fn down_to(&mut self, order: &Order<'_>, floor: &(SortKey, UserId)) {
        let than = if order.than == ">" { "<" } else { ">" };
        self.within(order, than, "=", floor);
    }

    /// Appends the keyset condition and the order.
    pub(super) fn order(&mut self, order: &Order<'_>) {
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
        match (order.has_ties, order.dialect) {
            // SQLite uses an index on an expression for `a >= x AND (a > x OR id > y)`, and for no comparison of rows.
            (true, Dialect::Sqlite) => self.push(
                &format!(" AND {key} {than}= ? AND ({key} {than} ? OR {id} {than}{or_equal} ?)"),
                [value(), value(), Value::Id(*last)],
            ),
            // PostgreSQL underestimates the rows of the other form, and sorts the whole table for a page.
            (true, Dialect::Postgres) => {
                self.push(&format!(" AND ({key}, {id}) {than}{or_equal} (?, ?)"), [value(), Value::Id(*last)])
            }
            (false, _) => self.push(&format!(" AND {key} {than}{or_equal} ?"), [value()]),
        }
    }
}

/// Runs a query.
pub(super) fn run<T>(conn: &mut Connection, sql: Sql) -> Result<Vec<T>, StoreError>
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
