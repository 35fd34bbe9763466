//! The queries of a kind of record, written for both engines from a few lines.

/// Names the table in which a kind of record is kept, and how the caller's sight of it reads in
/// SQL. The record's struct derives diesel's `Queryable`, `Selectable`, `Insertable` and
/// `AsChangeset`, and its `Resource` says whose it is. Two of its fields, and columns of the table,
/// are `id`, the primary key, and `revision: i64`, which is 1 at first and grows with every change.
///
/// - `owner`: the column that holds the owner's id; left out where nobody owns the records.
/// - `touch`: the columns that become the time of every change.
/// - `relations`: what each of [`Resource::RELATIONS`](crate::authz::Resource::RELATIONS) means, as
///   a diesel expression over the table; `name(me)` has the calling user's id.
/// - `sort`: the columns, each with its type, that a list may be sorted by; the first is the order
///   when none is asked for.
/// - `filter`: the columns, each with its type, that a list may be filtered by.
///
/// See `examples/notes.rs` for one with everything.
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
        impl $crate::store::Stored for $record {
            const RESOLVED: &'static [$crate::authz::Relation] = &[$($($relation),+)?];

            async fn find(
                lookup: $crate::store::Lookup<'_>,
                id: Self::Id,
                row_filter: $crate::authz::RowFilter,
            ) -> ::std::result::Result<$crate::authz::Sealed<Self>, $crate::store::StoreError> {
                lookup
                    .related(move |conn| <Self as $crate::store::Kept>::find_one(conn, &id, &row_filter))
                    .await
            }
        }

        const _: () = {
            use $crate::__private::{diesel, serde_json};
            use diesel::prelude::*;
            use diesel::expression::SelectableHelper as _;
            use diesel::sql_types::Bool;
            use $crate::authz::{RelationSet, Relation, Resource, RowFilter};
            use $crate::store::{Connection, Kept, Position, Selection, StoreError};

            type Row = ($record, (bool, $($($crate::stored!(@flag $relation),)+)?));
            type Condition<DB> = Box<dyn BoxableExpression<$table::table, DB, SqlType = Bool>>;

            /// Builds the condition that a sight puts on a query of engine `$db`; none when it
            /// hides nothing.
            macro_rules! condition {
                ($db:ident, $row_filter:expr) => {{
                    let row_filter: &RowFilter = $row_filter;
                    // Nobody has the nil id: for a client no relation to a user holds.
                    let user = row_filter.caller().unwrap_or($crate::domain::UserId($crate::__private::uuid::Uuid::nil()));
                    let mut any: Option<Condition<$db>> = None;
                    for term in row_filter.terms() {
                        let mut ways: Vec<Condition<$db>> = Vec::new();
                        if term.everyone {
                            ways.push(Box::new(true.into_sql::<Bool>()));
                        }
                        $(if term.own && !term.everyone {
                            ways.push(Box::new($table::$owner.eq(user)));
                        })?
                        let mut states: Vec<Condition<$db>> = Vec::new();
                        let mut unresolved = term.only_while != RelationSet::NONE;
                        $($(
                            if term.related.includes($record::RELATIONS, $relation) && !term.everyone {
                                $(let $me = user;)?
                                ways.push(Box::new($holds));
                            }
                            if term.only_while.includes($record::RELATIONS, $relation) {
                                $(let $me = user;)?
                                states.push(Box::new($holds));
                                unresolved = false;
                            }
                        )+)?
                        let within = ways.into_iter().reduce(|a, b| Box::new(a.or(b)));
                        let within = states.into_iter().fold(within, |within, state| {
                            within.map(|within| -> Condition<$db> { Box::new(within.and(state)) })
                        });
                        if let Some(within) = within.filter(|_| !unresolved) {
                            any = Some(match any {
                                Some(others) => Box::new(others.or(within)),
                                None => within,
                            });
                        }
                    }
                    match any {
                        _ if row_filter.is_unrestricted() => None,
                        Some(condition) => Some(condition),
                        None => Some(Box::new(false.into_sql::<Bool>()) as Condition<$db>),
                    }
                }};
            }

            /// A record, and of each relation whether it holds to the caller.
            macro_rules! columns {
                ($caller:expr) => {{
                    #[allow(unused_variables, reason = "a kind of record may have no relations")]
                    let user = $caller.unwrap_or($crate::domain::UserId($crate::__private::uuid::Uuid::nil()));
                    ($record::as_select(), (true.into_sql::<Bool>(), $($({
                        $(let $me = user;)?
                        $holds
                    },)+)?))
                }};
            }

            fn held(holds: &[bool]) -> RelationSet {
                let resolved = <$record as $crate::store::Stored>::RESOLVED;
                let place = |relation: &Relation| resolved.iter().position(|known| known == relation);
                // The first column is there so that the tuple is never empty.
                RelationSet::of($record::RELATIONS.iter().map(|relation| {
                    place(relation).and_then(|place| holds.get(place + 1)).copied().unwrap_or(false)
                }))
            }

            macro_rules! opened {
                ($row:expr) => {{
                    let (record, flags): Row = $row;
                    (record, held(&$crate::stored!(@flags flags $($($relation)+)?)))
                }};
            }

            impl Kept for $record {
                type Filter = ($($(Option<$filter_type>,)+)?);
                const SORTS: &'static [&'static str] = &[$($(stringify!($sort)),+)?];

                fn revision(&self) -> i64 {
                    self.revision
                }

                fn filters() -> Vec<(
                    &'static str,
                    $crate::__private::utoipa::openapi::RefOr<$crate::__private::utoipa::openapi::Schema>,
                )> {
                    vec![$($((
                        stringify!($filter),
                        <$filter_type as $crate::__private::utoipa::PartialSchema>::schema(),
                    )),+)?]
                }

                #[allow(unused_mut, unused_variables, reason = "a list may have no filter")]
                fn read_filter(
                    mut take: impl FnMut(&'static str) -> Result<Option<String>, String>,
                ) -> Result<Self::Filter, String> {
                    Ok(($($(match take(stringify!($filter))? {
                        None => None,
                        Some(text) => match text.parse::<$filter_type>() {
                            Ok(value) => Some(value),
                            Err(_) => return Err(format!("{} cannot be {text:?}", stringify!($filter))),
                        },
                    },)+)?))
                }

                #[allow(unused_variables, reason = "a record may have no time of its last change")]
                fn next(&mut self, now: $crate::__private::chrono::DateTime<$crate::__private::chrono::Utc>) {
                    self.revision += 1;
                    $($(self.$touched = $crate::domain::Time(now);)+)?
                }

                fn position(&self, sort: &str) -> Position {
                    let key = match sort {
                        $($(stringify!($sort) => serde_json::json!(self.$sort),)+)?
                        _ => serde_json::Value::Null,
                    };
                    Position { key, id: self.id.to_string() }
                }

                fn find_one(
                    conn: &mut Connection,
                    id: &Self::Id,
                    row_filter: &RowFilter,
                ) -> Result<Option<(Self, RelationSet)>, StoreError> {
                    $crate::on!(conn, DB, |c| {
                        let mut query = $table::table
                            .select(columns!(row_filter.caller()))
                            .filter($table::id.eq(*id))
                            .into_boxed::<DB>();
                        if let Some(condition) = condition!(DB, row_filter) {
                            query = query.filter(condition);
                        }
                        Ok(query.get_result::<Row>(c).optional()?.map(|row| opened!(row)))
                    })
                }

                #[allow(unused_variables, reason = "a list may have neither filter nor order")]
                fn find_page(
                    conn: &mut Connection,
                    selection: &Selection<Self>,
                ) -> Result<Vec<(Self, RelationSet)>, StoreError> {
                    let caller = selection.within.iter().find_map(RowFilter::caller);
                    $crate::on!(conn, DB, |c| {
                        let mut query = $table::table.select(columns!(caller)).into_boxed::<DB>();
                        for row_filter in &selection.within {
                            if let Some(condition) = condition!(DB, row_filter) {
                                query = query.filter(condition);
                            }
                        }
                        let ($($($filter,)+)?) = selection.filter.clone();
                        $($(if let Some(value) = $filter {
                            query = query.filter($table::$filter.eq(value));
                        })+)?
                        $($(if selection.sort == stringify!($sort) {
                            if let Some(after) = &selection.after {
                                let key: $sort_type = $crate::store::position_part(
                                    serde_json::from_value(after.key.clone()),
                                )?;
                                let id = $crate::store::position_part(after.id.parse())?;
                                // `a >= x AND (a > x OR id > y)` uses an index on (a, id).
                                query = if selection.descending {
                                    query
                                        .filter($table::$sort.le(key.clone()))
                                        .filter($table::$sort.lt(key).or($table::id.lt::<<Self as Resource>::Id>(id)))
                                } else {
                                    query
                                        .filter($table::$sort.ge(key.clone()))
                                        .filter($table::$sort.gt(key).or($table::id.gt::<<Self as Resource>::Id>(id)))
                                };
                            }
                            query = if selection.descending {
                                query.order(($table::$sort.desc(), $table::id.desc()))
                            } else {
                                query.order(($table::$sort.asc(), $table::id.asc()))
                            };
                        })+)?
                        let rows = $crate::store::page(query, selection.limit).load::<Row>(c)?;
                        Ok(rows.into_iter().map(|row| opened!(row)).collect())
                    })
                }

                fn insert(&self, conn: &mut Connection) -> Result<usize, StoreError> {
                    Ok($crate::on!(conn, |c| diesel::insert_into($table::table).values(self).execute(c))?)
                }

                fn overwrite(&self, conn: &mut Connection) -> Result<usize, StoreError> {
                    let before = $table::table
                        .filter($table::id.eq(self.id))
                        .filter($table::revision.eq(self.revision - 1));
                    Ok($crate::on!(conn, |c| diesel::update(before).set(self).execute(c))?)
                }

                fn delete(&self, conn: &mut Connection) -> Result<usize, StoreError> {
                    let this = $table::table
                        .filter($table::id.eq(self.id))
                        .filter($table::revision.eq(self.revision));
                    Ok($crate::on!(conn, |c| diesel::delete(this).execute(c))?)
                }
            }
        };
    };

    (@flag $relation:ident) => { bool };

    // A tuple of flags, the first of which says nothing, as an array.
    (@flags $flags:ident) => { <[bool; 1]>::from([$flags.0]) };
    (@flags $flags:ident $a:ident) => { [$flags.0, $flags.1] };
    (@flags $flags:ident $a:ident $b:ident) => { [$flags.0, $flags.1, $flags.2] };
    (@flags $flags:ident $a:ident $b:ident $c:ident) => { [$flags.0, $flags.1, $flags.2, $flags.3] };
    (@flags $flags:ident $a:ident $b:ident $c:ident $d:ident) => {
        [$flags.0, $flags.1, $flags.2, $flags.3, $flags.4]
    };
    (@flags $flags:ident $a:ident $b:ident $c:ident $d:ident $e:ident) => {
        [$flags.0, $flags.1, $flags.2, $flags.3, $flags.4, $flags.5]
    };
    (@flags $flags:ident $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident) => {
        [$flags.0, $flags.1, $flags.2, $flags.3, $flags.4, $flags.5, $flags.6]
    };
}
