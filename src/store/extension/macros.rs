//! The macro [`stored!`](crate::stored), and its parts.

/// Implements [`Repository`](crate::store::Repository) for a kind of record: its table, and its row filter in
/// SQL.
///
/// The record's struct derives diesel's `Queryable`, `Selectable`, `Insertable` and `AsChangeset`. Two of its
/// fields, and columns of the table, are `id`, the primary key, and `revision: i64`, which begins at 1 and
/// grows with every change.
///
/// - `owner`: the column with the owner's id; absent for records without an owner.
/// - `touch`: the columns that become the time of every change.
/// - `relations`: the meaning of each of [`Resource::RELATIONS`](crate::authz::Resource::RELATIONS), as a
///   diesel
///   expression over the table; `name(me)` binds the calling user's id. Six at most.
/// - `sort`: the columns, each with its type, that a list can be sorted by; the first is the default.
/// - `filter`: the columns, each with its type, that a list can be filtered by.
///
/// `examples/notes.rs` uses all of them.
///
/// ```
/// use cloakroom::authz::{OwnerFrom, Resource, action::Read};
/// use cloakroom::domain::{Time, UserId};
/// use cloakroom::store::{Moment, Uid};
/// use diesel::prelude::*;
///
/// cloakroom::uuid_id! {
///     /// A coat's id.
///     pub struct CoatId;
/// }
///
/// diesel::table! {
///     use diesel::sql_types::*;
///     use super::{Moment, Uid};
///     coats (id) {
///         id -> Uid,
///         owner_id -> Uid,
///         peg -> BigInt,
///         created_at -> Moment,
///         revision -> BigInt,
///     }
/// }
///
/// /// A coat.
/// #[derive(Clone, Queryable, Selectable, Insertable, AsChangeset, serde::Serialize, utoipa::ToSchema)]
/// #[diesel(table_name = coats)]
/// pub struct Coat {
///     id: CoatId,
///     owner_id: UserId,
///     peg: i64,
///     created_at: Time,
///     #[serde(skip)]
///     revision: i64,
/// }
///
/// impl Resource for Coat {
///     type Id = CoatId;
///     const NAME: &'static str = "coat";
///     const OWNER: OwnerFrom = OwnerFrom::Record;
///     fn id(&self) -> CoatId { self.id }
///     fn owner(&self) -> Option<UserId> { Some(self.owner_id) }
/// }
///
/// cloakroom::scopes! {
///     pub SCOPES:
///     COATS_READ = "coats:read", "See your coats";
/// }
/// cloakroom::policy! { Coat { Read: owner(COATS_READ); } }
///
/// cloakroom::stored! {
///     Coat in coats {
///         owner: owner_id;
///         sort: created_at: Time, peg: i64;
///         filter: peg: i64;
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! stored {
    ($record:ident in $table:ident {
        $(owner: $owner:ident;)?
        $(touch: $($touched:ident),+;)?
        $(relations: { $($relation:ident $(($me:ident))? => $holds:expr;)+ })?
        $(sort: $($sort:ident: $sort_type:ty),+;)?
        $(filter: $($filter:ident: $filter_type:ty),+;)?
    }) => {
        const _: () = {
            use $crate::__private::diesel;
            use diesel::expression::SelectableHelper as _;
            use diesel::prelude::*;
            use diesel::sql_types::Bool;
            use $crate::__private::store::{FilterPart, Rows, SqlCondition};
            use $crate::__private::store::{held, page, sql_condition, user_or_nil};
            use $crate::authz::action::{Changing, Create, Delete};
            use $crate::authz::{Allowed, RelationSet, Relation, Sealed, RowFilter};
            use $crate::store::{Connection, Lookup, Renewed, Repository, Selection, StoreError, Stored};

            impl Stored for $record {
                const RESOLVED: &'static [Relation] = &[$($($relation),+)?];

                async fn find(
                    lookup: Lookup<'_, Self>,
                    id: Self::Id,
                    filter: RowFilter,
                ) -> Result<Sealed<Self>, StoreError> {
                    lookup.related(move |conn| Self::find_one(conn, &id, &filter)).await
                }
            }

            impl Repository for $record {
                $crate::__stored_filters! { $table $($($filter: $filter_type),+)? }
                $crate::__stored_sorts! { $table $($($sort: $sort_type),+)? }
                $crate::__stored_changes! { $table $($($touched),+)? }

                #[allow(unused_variables, reason = "a kind of record may have no relations")]
                fn select(
                    conn: &mut Connection,
                    rows: Rows<'_, Self>,
                    within: &[RowFilter],
                ) -> Result<Vec<(Self, RelationSet)>, StoreError> {
                    $crate::on!(conn, DB, |c| {
                        let user = user_or_nil(within.iter().find_map(RowFilter::caller));
                        let relations = (true.into_sql::<Bool>(), $($({
                            $(let $me = user;)?
                            $holds
                        },)+)?);
                        let columns = ($record::as_select(), relations);
                        let mut query = $table::table.select(columns).into_boxed::<DB>();
                        for filter in within {
                            let user = user_or_nil(filter.caller());
                            let part = |part: FilterPart| -> Option<SqlCondition<$table::table, DB>> {
                                match part {
                                    $(FilterPart::Owner => Some(Box::new($table::$owner.eq(user))),)?
                                    $($(FilterPart::Relation(relation) if relation == $relation => {
                                        $(let $me = user;)?
                                        Some(Box::new($holds))
                                    })+)?
                                    _ => None,
                                }
                            };
                            if let Some(condition) = sql_condition::<Self, _, DB>(filter, &part) {
                                query = query.filter(condition);
                            }
                        }
                        type Row = ($record, (bool, $($($crate::stored!(@bool $relation),)+)?));
                        let rows: Vec<Row> = match rows {
                            Rows::One(id) => query.filter($table::id.eq(*id)).load(c)?,
                            Rows::Page(selection) => {
                                $crate::__stored_filter! { $table query selection $($($filter),+)? }
                                $crate::__stored_sort! { $table query selection $($($sort: $sort_type),+)? }
                                page(query, selection.limit).load(c)?
                            }
                        };
                        Ok(rows.into_iter().map(|(record, flags)| (record, held::<Self>(flags))).collect())
                    })
                }
            }
        };
    };

    (@bool $relation:ident) => { bool };
}

/// Writes the filters of a list: their type, names, schemas and parser.
#[doc(hidden)]
#[macro_export]
macro_rules! __stored_filters {
    ($table:ident $($filter:ident: $type:ty),*) => {
        type Filter = ($(Option<$type>,)*);

        fn filters() -> Vec<(&'static str, $crate::__private::store::Schema)> {
            vec![$((stringify!($filter), <$type as $crate::__private::utoipa::PartialSchema>::schema())),*]
        }

        #[allow(unused_mut, unused_variables, reason = "a list may have no filter")]
        fn read_filter(
            mut take: impl FnMut(&'static str) -> Result<Option<String>, String>,
        ) -> Result<Self::Filter, String> {
            Ok(($($crate::__private::store::parse_filter::<$type>(stringify!($filter), &mut take)?,)*))
        }
    };
}

/// Adds the filters of a selection to a query.
#[doc(hidden)]
#[macro_export]
macro_rules! __stored_filter {
    ($table:ident $query:ident $selection:ident $($filter:ident),*) => {
        let ($($filter,)*) = $selection.filter.clone();
        $(if let Some(value) = $filter {
            $query = $query.filter($table::$filter.eq(value));
        })*
    };
}

/// Writes the sort orders of a list: their names, and the position of a record in each.
#[doc(hidden)]
#[macro_export]
macro_rules! __stored_sorts {
    ($table:ident $($sort:ident: $type:ty),*) => {
        const SORTS: &'static [&'static str] = &[$(stringify!($sort)),*];

        fn sort_key(&self, sort: &str) -> $crate::__private::serde_json::Value {
            match sort {
                $(stringify!($sort) => $crate::__private::serde_json::json!(self.$sort),)*
                _ => $crate::__private::serde_json::Value::Null,
            }
        }
    };
}

/// Adds the order and the keyset cursor of a selection to a query.
#[doc(hidden)]
#[macro_export]
macro_rules! __stored_sort {
    ($table:ident $query:ident $selection:ident $($sort:ident: $type:ty),*) => {
        $(if $selection.sort == stringify!($sort) {
            if let Some(after) = &$selection.after {
                let (key, id) = after.parse::<$type, Self::Id>()?;
                // `a >= x AND (a > x OR id > y)` uses an index on (a, id).
                $query = if $selection.descending {
                    let beyond = $table::$sort.lt(key.clone()).or($table::id.lt(id));
                    $query.filter($table::$sort.le(key)).filter(beyond)
                } else {
                    let beyond = $table::$sort.gt(key.clone()).or($table::id.gt(id));
                    $query.filter($table::$sort.ge(key)).filter(beyond)
                };
            }
            $query = if $selection.descending {
                $query.order(($table::$sort.desc(), $table::id.desc()))
            } else {
                $query.order(($table::$sort.asc(), $table::id.asc()))
            };
        })*
    };
}

/// Writes the statements that change rows. An update and a deletion require the revision that was read.
#[doc(hidden)]
#[macro_export]
macro_rules! __stored_changes {
    ($table:ident $($touched:ident),*) => {
        fn revision(&self) -> i64 {
            self.revision
        }

        fn advance(&mut self, now: $crate::domain::Time) {
            self.revision += 1;
            $(self.$touched = now;)*
        }

        fn insert(&self, conn: &mut Renewed<'_, Allowed<Self, Create>>) -> Result<usize, StoreError> {
            Ok($crate::on!(conn, |c| diesel::insert_into($table::table).values(self).execute(c))?)
        }

        fn update<A: Changing>(
            &self,
            conn: &mut Renewed<'_, Allowed<Self, A>>,
        ) -> Result<usize, StoreError> {
            let this = $table::table.filter($table::id.eq(self.id));
            let unchanged = this.filter($table::revision.eq(self.revision - 1));
            Ok($crate::on!(conn, |c| diesel::update(unchanged).set(self).execute(c))?)
        }

        fn delete(&self, conn: &mut Renewed<'_, Allowed<Self, Delete>>) -> Result<usize, StoreError> {
            let this = $table::table.filter($table::id.eq(self.id));
            let unchanged = this.filter($table::revision.eq(self.revision));
            Ok($crate::on!(conn, |c| diesel::delete(unchanged).execute(c))?)
        }
    };
}
