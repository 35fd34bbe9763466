//! Comparison of a table with its declaration. diesel finds a difference only when a query fails, and does not name it.

use diesel::debug_query;
use diesel::prelude::*;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, SqlType, Text, is_nullable};
use diesel::sqlite::Sqlite;

use crate::store::{Connection, Link, StoreError};

/// Declaration of a table: its name, and its columns.
pub struct DeclaredTable {
    pub(crate) name: String,
    columns: Vec<DeclaredColumn>,
}

/// Declaration of a column.
pub struct DeclaredColumn {
    name: &'static str,
    is_nullable: bool,
}

/// Columns of a table.
pub trait Columns {
    /// Returns the declaration of each.
    fn declared() -> Vec<DeclaredColumn>;
}

/// Nullability of a column as a value.
pub trait Nullability {
    /// True when the column can be NULL.
    const IS_NULLABLE: bool;
}

impl Nullability for is_nullable::IsNullable {
    const IS_NULLABLE: bool = true;
}

impl Nullability for is_nullable::NotNull {
    const IS_NULLABLE: bool = false;
}

macro_rules! columns {
    ($($column:ident)*) => {
        impl<$($column,)*> Columns for ($($column,)*)
        where
            $($column: Column, $column::SqlType: SqlType, <$column::SqlType as SqlType>::IsNull: Nullability,)*
        {
            fn declared() -> Vec<DeclaredColumn> {
                vec![$(DeclaredColumn {
                    name: $column::NAME,
                    is_nullable: <<$column::SqlType as SqlType>::IsNull as Nullability>::IS_NULLABLE,
                },)*]
            }
        }
    };
}

macro_rules! each_number_of_columns {
    ($first:ident) => { columns! { $first } };
    ($first:ident $($rest:ident)+) => {
        columns! { $first $($rest)+ }
        each_number_of_columns! { $($rest)+ }
    };
}

each_number_of_columns! {
    A B C D E F G H I J K L M N O P Q R S T U V W X Y Z A2 B2 C2 D2 E2 F2
}

/// Returns the declaration of a table with these columns.
pub fn declared<T, C>(table: T, _: C) -> DeclaredTable
where
    T: AsQuery,
    T::Query: QueryId + QueryFragment<Sqlite>,
    C: Columns,
{
    let quoted = debug_query::<Sqlite, _>(&table.as_query()).to_string();
    DeclaredTable {
        name: quoted
            .rsplit_once("FROM `")
            .and_then(|(_, rest)| rest.split('`').next())
            .unwrap_or_default()
            .to_owned(),
        columns: C::declared(),
    }
}

#[derive(QueryableByName)]
struct ActualColumn {
    #[diesel(sql_type = Text)]
    name: String,
    /// 1 when the column cannot be NULL.
    #[diesel(sql_type = BigInt)]
    not_null: i64,
}

/// The columns of a table, by its name.
const ON_SQLITE: &str = "SELECT name, MAX(\"notnull\", pk > 0) AS not_null FROM pragma_table_info(?)";
const ON_POSTGRES: &str = "SELECT attname::text AS name, attnotnull::int::bigint AS not_null FROM pg_attribute \
                           WHERE attrelid = to_regclass(quote_ident($1)) AND attnum > 0 AND NOT attisdropped";

impl DeclaredTable {
    /// Returns how the table differs from its declaration: a sentence for each column.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) fn differences(&self, conn: &mut Connection) -> Result<Vec<String>, StoreError> {
        let actual: Vec<ActualColumn> = match Connection::link(conn) {
            Link::Sqlite(c) => diesel::sql_query(ON_SQLITE).bind::<Text, _>(&self.name).load(c)?,
            Link::Postgres(c) => diesel::sql_query(ON_POSTGRES).bind::<Text, _>(&self.name).load(c)?,
        };
        let table = &self.name;
        if actual.is_empty() {
            return Ok(vec![format!("{table}: no migration creates this table")]);
        }
        let mut differences = Vec::new();
        for column in &self.columns {
            let name = column.name;
            match actual.iter().find(|actual| actual.name == name) {
                None => differences.push(format!("{table}.{name}: the table has no such column")),
                Some(actual) if column.is_nullable && actual.not_null != 0 => differences.push(format!(
                    "{table}.{name}: table! declares Nullable, and the column of the table is NOT NULL"
                )),
                Some(actual) if !column.is_nullable && actual.not_null == 0 => differences.push(format!(
                    "{table}.{name}: the column of the table can be NULL: declare it as Nullable, or make it NOT NULL in \
                     a migration"
                )),
                Some(_) => {}
            }
        }
        Ok(differences)
    }
}
