//! Two SQL types that differ between the engines: an id and a time.

use chrono::DateTime;
use diesel::deserialize::{self, FromSql};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{self, SqlType};
use diesel::sqlite::{Sqlite, SqliteValue};

use crate::domain::{SessionId, Time, UserId};

/// `uuid` on PostgreSQL, 16 bytes (`BLOB`) on SQLite.
#[derive(SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951))]
#[diesel(sqlite_type(name = "Binary"))]
pub struct Uid;

/// `timestamptz` on PostgreSQL, microseconds since 1970 (`BIGINT`) on SQLite; in Rust a
/// [`Time`].
#[derive(Clone, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct Moment;

/// Implements diesel's traits for a tuple struct of a UUID in a column of type [`Uid`].
#[doc(hidden)]
#[macro_export]
macro_rules! __stored_as_uid {
    ($name:ident) => {
        $crate::__stored_as!($name as Uid: Uuid);

        const _: () = {
            use $crate::__private::diesel;
            use diesel::deserialize::{self, FromSql};
            use diesel::serialize::{self, IsNull, Output, ToSql};
            use diesel::sqlite::{Sqlite, SqliteValue};
            use $crate::store::Uid;

            impl ToSql<Uid, Sqlite> for $name {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                    out.set_value(self.0.as_bytes().as_slice());
                    Ok(IsNull::No)
                }
            }

            impl FromSql<Uid, Sqlite> for $name {
                fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
                    let bytes: Vec<u8> = FromSql::<diesel::sql_types::Binary, Sqlite>::from_sql(value)?;
                    Ok(Self($crate::__private::uuid::Uuid::from_slice(&bytes)?))
                }
            }
        };
    };
}

/// Implements diesel's traits for a tuple struct in a column of type `$sql`, which is `$postgres` on
/// PostgreSQL.
#[doc(hidden)]
#[macro_export]
macro_rules! __stored_as {
    ($name:ident as $sql:ident: $postgres:ident) => {
        const _: () = {
            use diesel::backend::Backend;
            use diesel::deserialize::{self, FromSql, FromStaticSqlRow, Queryable};
            use diesel::expression::AsExpression;
            use diesel::internal::derives::as_expression::Bound;
            use diesel::pg::{Pg, PgValue};
            use diesel::serialize::{self, Output, ToSql};
            use diesel::sql_types::{self, Nullable};
            use $crate::__private::diesel;
            use $crate::store::$sql;

            impl ToSql<$sql, Pg> for $name {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                    ToSql::<sql_types::$postgres, Pg>::to_sql(&self.0, &mut out.reborrow())
                }
            }

            impl FromSql<$sql, Pg> for $name {
                fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                    FromSql::<sql_types::$postgres, Pg>::from_sql(value).map(Self)
                }
            }

            impl<DB: Backend> ToSql<Nullable<$sql>, DB> for $name
            where
                Self: ToSql<$sql, DB>,
            {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                    ToSql::<$sql, DB>::to_sql(self, out)
                }
            }

            impl<DB: Backend, ST> Queryable<ST, DB> for $name
            where
                Self: FromStaticSqlRow<ST, DB>,
            {
                type Row = Self;

                fn build(row: Self) -> deserialize::Result<Self> {
                    Ok(row)
                }
            }

            impl AsExpression<$sql> for $name {
                type Expression = Bound<$sql, Self>;

                fn as_expression(self) -> Self::Expression {
                    Bound::new(self)
                }
            }

            impl<'a> AsExpression<$sql> for &'a $name {
                type Expression = Bound<$sql, Self>;

                fn as_expression(self) -> Self::Expression {
                    Bound::new(self)
                }
            }

            impl AsExpression<Nullable<$sql>> for $name {
                type Expression = Bound<Nullable<$sql>, Self>;

                fn as_expression(self) -> Self::Expression {
                    Bound::new(self)
                }
            }

            impl<'a> AsExpression<Nullable<$sql>> for &'a $name {
                type Expression = Bound<Nullable<$sql>, Self>;

                fn as_expression(self) -> Self::Expression {
                    Bound::new(self)
                }
            }
        };
    };
}

crate::__stored_as_uid!(UserId);
crate::__stored_as_uid!(SessionId);

crate::__stored_as!(Time as Moment: Timestamptz);

impl ToSql<Moment, Sqlite> for Time {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.timestamp_micros());
        Ok(IsNull::No)
    }
}

impl FromSql<Moment, Sqlite> for Time {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        let micros: i64 = FromSql::<sql_types::BigInt, Sqlite>::from_sql(value)?;
        Ok(Self(DateTime::from_timestamp_micros(micros).ok_or("a time out of range")?))
    }
}
