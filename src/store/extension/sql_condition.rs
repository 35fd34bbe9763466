//! Row filters as SQL conditions, and relations as result columns. For [`stored!`](crate::stored).

use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel::sqlite::Sqlite;

use crate::authz::{FilterTerm, Relation, RelationSet, RowFilter};
use crate::store::Stored;

/// A condition on the rows of table `T`, for engine `DB`.
pub type SqlCondition<T, DB> = Box<dyn BoxableExpression<T, DB, SqlType = Bool>>;

/// The row filter of a kind of record as a condition, for a query of your own on the engine `DB`.
/// [`stored!`](crate::stored) implements it.
///
/// ```
/// use cloakroom::authz::{Can, Reach, action::List};
/// use cloakroom::on;
/// use cloakroom::store::{Repository, Store, StoreError, Within};
/// use diesel::pg::Pg;
/// use diesel::prelude::*;
/// use diesel::sqlite::Sqlite;
///
/// diesel::table! { coats (id) { id -> BigInt } }
///
/// async fn count<R>(reach: &Reach<R, List>, store: &Store) -> Result<i64, StoreError>
/// where
///     R: Repository + Can<List> + Within<Sqlite, Table = coats::table> + Within<Pg, Table = coats::table>,
/// {
///     store.gather(reach, |conn, filter| {
///         Ok(on!(conn, DB, |c| {
///             let within = <R as Within<DB>>::condition(filter);
///             coats::table.filter(within).count().get_result(c)?
///         }))
///     }).await
/// }
/// ```
pub trait Within<DB: BooleanAlgebra>: Stored {
    /// The table.
    type Table: 'static;

    /// Returns the condition, or none when the filter hides nothing.
    #[doc(hidden)]
    fn restriction(filter: &RowFilter) -> Option<SqlCondition<Self::Table, DB>>;

    /// Returns the condition that a row is within the filter.
    fn condition(filter: &RowFilter) -> SqlCondition<Self::Table, DB> {
        Self::restriction(filter).unwrap_or_else(|| DB::constant(true))
    }
}

/// Boolean operators on conditions. One implementation per engine, because diesel restricts its own generic
/// ones.
pub trait BooleanAlgebra: Backend + Sized + 'static {
    /// Returns the condition that is always, or never, true.
    fn constant<T: 'static>(value: bool) -> SqlCondition<T, Self>;
    /// Returns the conjunction.
    fn and<T: 'static>(a: SqlCondition<T, Self>, b: SqlCondition<T, Self>) -> SqlCondition<T, Self>;
    /// Returns the disjunction.
    fn or<T: 'static>(a: SqlCondition<T, Self>, b: SqlCondition<T, Self>) -> SqlCondition<T, Self>;
}

macro_rules! boolean_algebra {
    ($engine:ident) => {
        impl BooleanAlgebra for $engine {
            fn constant<T: 'static>(value: bool) -> SqlCondition<T, Self> {
                Box::new(value.into_sql::<Bool>())
            }

            fn and<T: 'static>(a: SqlCondition<T, Self>, b: SqlCondition<T, Self>) -> SqlCondition<T, Self> {
                Box::new(a.and(b))
            }

            fn or<T: 'static>(a: SqlCondition<T, Self>, b: SqlCondition<T, Self>) -> SqlCondition<T, Self> {
                Box::new(a.or(b))
            }
        }
    };
}

boolean_algebra!(Sqlite);
boolean_algebra!(Pg);

/// A part of a row filter that each kind of record expresses by its own columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterPart {
    /// The caller owns the record.
    Owner,
    /// The relation holds.
    Relation(Relation),
}

/// Returns the condition of a row filter, or none when it hides nothing. `part` returns the condition of one
/// part, or none for a part that the kind of record does not have.
pub fn sql_condition<R, T, DB>(
    filter: &RowFilter,
    part: &dyn Fn(FilterPart) -> Option<SqlCondition<T, DB>>,
) -> Option<SqlCondition<T, DB>>
where
    R: Stored,
    T: 'static,
    DB: BooleanAlgebra,
{
    if filter.is_unrestricted() {
        return None;
    }
    let terms = filter.terms().iter().filter_map(|term| term_condition::<R, T, DB>(term, part));
    Some(terms.reduce(DB::or).unwrap_or_else(|| DB::constant(false)))
}

/// Returns the condition of one term, or none when no record can fulfil it.
fn term_condition<R, T, DB>(
    term: &FilterTerm,
    part: &dyn Fn(FilterPart) -> Option<SqlCondition<T, DB>>,
) -> Option<SqlCondition<T, DB>>
where
    R: Stored,
    T: 'static,
    DB: BooleanAlgebra,
{
    let among = |held: RelationSet| R::RELATIONS.iter().filter(move |one| held.includes(R::RELATIONS, **one));
    let mut any: Vec<SqlCondition<T, DB>> = Vec::new();
    if term.everyone {
        any.push(DB::constant(true));
    } else {
        any.extend(part(FilterPart::Owner).filter(|_| term.own));
        if fault!(related_to_everyone) && term.related != RelationSet::NONE {
            any.push(DB::constant(true));
        }
        any.extend(among(term.related).filter_map(|relation| part(FilterPart::Relation(*relation))));
    }
    let within = any.into_iter().reduce(DB::or)?;
    // A state that cannot be resolved never holds.
    let states: Option<Vec<_>> =
        among(term.only_while).map(|relation| part(FilterPart::Relation(*relation))).collect();
    states.map(|states| states.into_iter().fold(within, DB::and))
}

/// Returns the condition of a relation as a column: one that does not apply to the caller never holds.
pub fn or_never<T: 'static, DB: BooleanAlgebra>(
    condition: Option<SqlCondition<T, DB>>,
) -> SqlCondition<T, DB> {
    condition.unwrap_or_else(|| DB::constant(false))
}

/// Result columns that tell which relations hold, after a first column that is always true. A tuple of one
/// element or more, because SQL has no empty selection.
pub trait Flags {
    /// Returns the flags, without the first column.
    fn flags(self) -> Vec<bool>;
}

macro_rules! flags {
    ($($name:ident)*) => {
        impl Flags for (bool, $(flags!(@bool $name),)*) {
            fn flags(self) -> Vec<bool> {
                let (_, $($name,)*) = self;
                vec![$($name),*]
            }
        }
    };
    (@bool $name:ident) => { bool };
}

flags!();
flags!(a);
flags!(a b);
flags!(a b c);
flags!(a b c d);
flags!(a b c d e);
flags!(a b c d e f);

/// Returns which relations hold, from the flags of [`Stored::RESOLVED`].
pub fn held<R: Stored>(flags: impl Flags) -> RelationSet {
    let flags = flags.flags();
    let place = |relation: &Relation| R::RESOLVED.iter().position(|known| known == relation);
    RelationSet::of(
        R::RELATIONS
            .iter()
            .map(|relation| place(relation).and_then(|place| flags.get(place)).copied().unwrap_or(false)),
    )
}
