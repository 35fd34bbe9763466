//! The macro [`stored!`](crate::stored), and its parts.

/// Implements [`Repository`](crate::store::Repository) for a kind of record: its table, and its row filter in
/// SQL.
///
/// The record's struct derives `Serialize` and diesel's `Queryable`, `Selectable`, `Insertable` and `AsChangeset`. Two of its
/// fields, and columns of the table, are `id`, the primary key, and `revision: i64`, which begins at 1 and
/// grows with every change.
///
/// - `owner`: the column with the owner's id; absent for records without an owner.
/// - `touch`: the columns that become the time of every change.
/// - `relations`: the meaning of each of [`Resource::RELATIONS`](crate::authz::Resource::RELATIONS), as a
///   diesel
///   expression over the table; `name(me)` binds the calling user's id. Six at most.
/// - `sort`: the columns, each with its type, that a list can be sorted by; the first is the default. A column that
///   can be NULL does not compile: the engines disagree about the place of NULL.
/// - `filter`: the columns, each with its type, that a list can be filtered by: by equality, or by the conditions in
///   brackets. `any_of` takes several values with commas between them, `after` and `before` (both exclusive) are the
///   parameters `peg_after` and `peg_before`, and `prefix`, for a text, is `name_prefix`.
///
/// [`Within`](crate::store::Within) is implemented too: the row filter as a condition, for a query of your own.
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
///         filter: peg: i64 [any_of], created_at: Time [after, before];
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
        $(filter: $($filter:ident: $filter_type:ty $([$($condition:ident),+])?),+;)?
    }) => {
        const _: () = {
            use $crate::__private::diesel;
            use diesel::expression::SelectableHelper as _;
            use diesel::pg::Pg;
            use diesel::prelude::*;
            use diesel::sql_types::Bool;
            use diesel::sqlite::Sqlite;
            #[allow(unused_imports, reason = "a constant of `IsSerialize` that is not its own")]
            use $crate::__private::store::NotSerialize as _;
            use $crate::__private::store::{FilterPart, Rows, SqlCondition};
            use $crate::__private::store::{DeclaredTable, declared, held, or_never, page, sql_condition};
            use $crate::authz::action::{Changing, Create, Delete};
            use $crate::authz::{Allowed, RelationSet, Relation, Sealed, RowFilter};
            use $crate::store::{
                Connection, Lookup, RecordKey as _, Renewed, Repository, Selection, StoreError, Stored, Within,
            };

            impl Stored for $record {
                const RESOLVED: &'static [Relation] = &[$($($relation),+)?];
                const TABLE: Option<fn() -> DeclaredTable> = Some(|| declared($table::table, $table::all_columns));

                async fn find(
                    lookup: Lookup<'_, Self>,
                    id: Self::Id,
                    filter: RowFilter,
                ) -> Result<Sealed<Self>, StoreError> {
                    lookup.related(move |conn| Self::find_one(conn, &id, &filter)).await
                }
            }

            const _: () = assert!(
                !($crate::__private::store::has_hidden_members::<$record>()
                    && $crate::__private::store::IsSerialize::<$record>::YES),
                concat!(
                    "not every caller may read each member of a `", stringify!($record), "`, so it must not be \
                     `Serialize`: write `#[serde(remote = \"Self\")]` below `derive(Serialize)`"
                )
            );

            $crate::__stored_within! {
                $record $table [$($owner)?] [$($($relation $(($me))? => $holds;)+)?] Sqlite Pg
            }

            impl Repository for $record {
                #[allow(unused_imports, reason = "`remote` makes `serialize` a function of the record itself")]
                fn serialize_members<S: $crate::__private::serde::Serializer>(
                    &self,
                    serializer: S,
                ) -> Result<S::Ok, S::Error> {
                    use $crate::__private::serde::Serialize as _;
                    $record::serialize(self, serializer)
                }

                $crate::__stored_filters! { $table [] $($($filter: $filter_type [$($($condition)+)?],)+)? }
                $crate::__stored_sorts! { $table $($($sort: $sort_type),+)? }
                $crate::__stored_changes! { $table $($($touched),+)? }

                #[allow(unused_variables, reason = "a kind of record may have no relations")]
                fn select(
                    conn: &mut Connection,
                    rows: Rows<'_, Self>,
                    within: &[RowFilter],
                ) -> Result<Vec<(Self, RelationSet)>, StoreError> {
                    $crate::on!(conn, DB, |c| {
                        // The first filter is that of the decision: another can be about another user.
                        let user = within.first().and_then(RowFilter::caller);
                        let relations = (true.into_sql::<Bool>(), $($({
                            let relation = || -> Option<SqlCondition<$table::table, DB>> {
                                $(let $me = user?;)?
                                Some(Box::new($holds))
                            };
                            or_never(relation())
                        },)+)?);
                        let columns = ($record::as_select(), relations);
                        let mut query = $table::table.select(columns).into_boxed::<DB>();
                        for filter in within {
                            if let Some(condition) = <Self as Within<DB>>::restriction(filter) {
                                query = query.filter(condition);
                            }
                        }
                        type Row = ($record, (bool, $($($crate::stored!(@bool $relation),)+)?));
                        let rows: Vec<Row> = match rows {
                            Rows::One(id) => query.filter($table::id.eq(id.key())).load(c)?,
                            Rows::Among(ids) => {
                                let ids: Vec<_> = ids.iter().map(|id| id.key()).collect();
                                query.filter($table::id.eq_any(ids)).load(c)?
                            }
                            Rows::Page(selection) => {
                                let values = selection.filter.clone();
                                $crate::__stored_filter! { $table query values [] $($($filter: $filter_type [$($($condition)+)?],)+)? }
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

/// Implements [`Within`](crate::store::Within) for each engine.
#[doc(hidden)]
#[macro_export]
macro_rules! __stored_within {
    ($record:ident $table:ident $owner:tt $relations:tt $($engine:ident)+) => {
        $($crate::__stored_within! { @one $engine $record $table $owner $relations })+
    };
    (@one $engine:ident $record:ident $table:ident [$($owner:ident)?] [$($relation:ident $(($me:ident))? => $holds:expr;)*]) => {
        impl Within<$engine> for $record {
            type Table = $table::table;

            fn restriction(filter: &RowFilter) -> Option<SqlCondition<$table::table, $engine>> {
                #[allow(unused_variables, reason = "a kind of record may have no owner and no relations")]
                let user = filter.caller();
                let part = |part: FilterPart| -> Option<SqlCondition<$table::table, $engine>> {
                    match part {
                        $(FilterPart::Owner => Some(Box::new($table::$owner.eq(user?))),)?
                        $(FilterPart::Relation(relation) if relation == $relation => {
                            $(let $me = user?;)?
                            Some(Box::new($holds))
                        })*
                        _ => None,
                    }
                };
                sql_condition::<Self, _, $engine>(filter, &part)
            }
        }
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
        $($crate::__private::store::sortable($table::$sort);
        if $selection.sort == stringify!($sort) {
            if let Some(after) = &$selection.after {
                let (key, id) =
                    after.parse::<$type, <Self::Id as $crate::store::RecordKey>::Key>()?;
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
