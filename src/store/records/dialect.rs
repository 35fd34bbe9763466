//! SQL that the engines write differently.

use crate::store::{Connection, Link};

/// The SQL of an engine.
#[derive(Clone, Copy)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// Returns the dialect of a connection.
    pub(super) fn of(conn: &mut Connection) -> Self {
        match conn.link() {
            Link::Sqlite(_) => Self::Sqlite,
            Link::Postgres(_) => Self::Postgres,
        }
    }

    /// Returns the columns that lead to a row.
    pub(super) fn row(self, key: &'static str) -> &'static str {
        match self {
            Self::Sqlite => key,
            Self::Postgres => "ctid",
        }
    }

    /// Returns the condition that columns are among the rows of a query. PostgreSQL joins with the rows of an
    /// `IN`, and may read the whole table for it. Those of an array it looks up.
    pub(super) fn is_one_of(self, columns: &str, query: &str) -> String {
        match self {
            Self::Sqlite => format!("({columns}) IN ({query})"),
            Self::Postgres => format!("{columns} = ANY (ARRAY({query}))"),
        }
    }
}
