//! Filters of a list, as [`stored!`](crate::stored) declares them.

use std::str::FromStr;

use utoipa::openapi::{RefOr, Schema};

/// A filter of a list.
pub struct FilterDescription {
    /// The parameter of the query.
    pub parameter: &'static str,
    /// The member of the record.
    pub member: &'static str,
    /// The condition on the member.
    pub condition: FilterCondition,
    /// The schema of one value.
    pub schema: RefOr<Schema>,
}

/// The condition of a filter on a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterCondition {
    /// It has this value.
    Equal,
    /// It has one of these values.
    AnyOf,
    /// It is greater, or later.
    After,
    /// It is less, or earlier.
    Before,
    /// The text begins so.
    Prefix,
}

/// Most values of a filter by several.
pub(crate) const MOST_VALUES: usize = 20;

/// Parses one filter of a query.
#[doc(hidden)]
pub fn parse_filter<T: FromStr>(
    name: &'static str,
    member: &'static str,
    take: &mut impl FnMut(&'static str, &'static str) -> Result<Option<String>, String>,
) -> Result<Option<T>, String> {
    take(name, member)?.map(|text| parse_value(name, &text)).transpose()
}

/// Parses a filter of several values, with commas between them.
#[doc(hidden)]
pub fn parse_any_of<T: FromStr>(
    name: &'static str,
    take: &mut impl FnMut(&'static str, &'static str) -> Result<Option<String>, String>,
) -> Result<Option<Vec<T>>, String> {
    let Some(text) = take(name, name)? else { return Ok(None) };
    if text.split(',').count() > MOST_VALUES {
        return Err(format!("{name} can have at most {MOST_VALUES} values"));
    }
    text.split(',').map(|value| parse_value(name, value)).collect::<Result<_, _>>().map(Some)
}

fn parse_value<T: FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name} cannot be {text:?}"))
}

diesel::define_sql_function! {
    /// Returns a part of a text, in characters. Unlike `LIKE`, it is the same on both engines.
    fn substr<T: diesel::sql_types::SingleValue>(
        text: T,
        from: diesel::sql_types::Integer,
        length: diesel::sql_types::Integer,
    ) -> T;
}

/// Writes the filters of a list: their type, names, schemas and parser. First it makes one entry of each condition.
#[doc(hidden)]
#[macro_export]
macro_rules! __stored_filters {
    ($table:ident [$($known:tt)*] $filter:ident: $type:ty [], $($rest:tt)*) => {
        $crate::__stored_filters! { $table [$($known)* ($filter equal $type)] $($rest)* }
    };
    ($table:ident [$($known:tt)*] $filter:ident: $type:ty [$($condition:ident)+], $($rest:tt)*) => {
        $crate::__stored_filters! { $table [$($known)* $(($filter $condition $type))+] $($rest)* }
    };
    ($table:ident [$(($filter:ident $condition:ident $type:ty))*]) => {
        type Filter = $crate::__filter_values!($(($condition $type))*);

        fn filters() -> Vec<$crate::__private::store::FilterDescription> {
            vec![$($crate::__private::store::FilterDescription {
                parameter: $crate::__filter_name!($filter $condition),
                member: stringify!($filter),
                condition: $crate::__filter_condition!($condition),
                schema: <$type as $crate::__private::utoipa::PartialSchema>::schema(),
            }),*]
        }

        #[allow(unused_mut, unused_variables, reason = "a list may have no filter")]
        fn read_filter(
            mut take: impl FnMut(&'static str, &'static str) -> Result<Option<String>, String>,
        ) -> Result<Self::Filter, String> {
            Ok($crate::__filter_reads!(take $(($filter $condition))*))
        }
    };
}

/// The type of the values of all conditions: a pair of the first and the others.
#[doc(hidden)]
#[macro_export]
macro_rules! __filter_values {
    () => { () };
    ((any_of $type:ty) $($rest:tt)*) => { (Option<Vec<$type>>, $crate::__filter_values!($($rest)*)) };
    (($condition:ident $type:ty) $($rest:tt)*) => { (Option<$type>, $crate::__filter_values!($($rest)*)) };
}

/// The parameter of a condition.
#[doc(hidden)]
#[macro_export]
macro_rules! __filter_name {
    ($filter:ident equal) => {
        stringify!($filter)
    };
    ($filter:ident any_of) => {
        stringify!($filter)
    };
    ($filter:ident $condition:ident) => {
        concat!(stringify!($filter), "_", stringify!($condition))
    };
}

/// The kind of a condition.
#[doc(hidden)]
#[macro_export]
macro_rules! __filter_condition {
    (equal) => {
        $crate::__private::store::FilterCondition::Equal
    };
    (any_of) => {
        $crate::__private::store::FilterCondition::AnyOf
    };
    (after) => {
        $crate::__private::store::FilterCondition::After
    };
    (before) => {
        $crate::__private::store::FilterCondition::Before
    };
    (prefix) => {
        $crate::__private::store::FilterCondition::Prefix
    };
    ($other:ident) => {
        compile_error!("a filter is by equality, or `any_of`, `after`, `before` or `prefix`")
    };
}

/// Reads the values of all conditions.
#[doc(hidden)]
#[macro_export]
macro_rules! __filter_reads {
    ($take:ident) => { () };
    ($take:ident ($filter:ident any_of) $($rest:tt)*) => {
        (
            $crate::__private::store::parse_any_of(stringify!($filter), &mut $take)?,
            $crate::__filter_reads!($take $($rest)*),
        )
    };
    ($take:ident ($filter:ident $condition:ident) $($rest:tt)*) => {
        (
            $crate::__private::store::parse_filter(
                $crate::__filter_name!($filter $condition),
                stringify!($filter),
                &mut $take,
            )?,
            $crate::__filter_reads!($take $($rest)*),
        )
    };
}

/// Adds the filters of a selection to a query.
#[doc(hidden)]
#[macro_export]
macro_rules! __stored_filter {
    ($table:ident $query:ident $values:ident [$($known:tt)*] $filter:ident: $type:ty [], $($rest:tt)*) => {
        $crate::__stored_filter! { $table $query $values [$($known)* ($filter equal)] $($rest)* }
    };
    ($table:ident $query:ident $values:ident [$($known:tt)*] $filter:ident: $type:ty [$($condition:ident)+], $($rest:tt)*) => {
        $crate::__stored_filter! { $table $query $values [$($known)* $(($filter $condition))+] $($rest)* }
    };
    ($table:ident $query:ident $values:ident []) => {
        let () = $values;
    };
    ($table:ident $query:ident $values:ident [($filter:ident $condition:ident) $($rest:tt)*]) => {
        let (value, others) = $values;
        if let Some(value) = value {
            $query = $query.filter($crate::__filter_expression!($table $filter $condition value));
        }
        $crate::__stored_filter! { $table $query others [$($rest)*] }
    };
}

/// The SQL of a condition.
#[doc(hidden)]
#[macro_export]
macro_rules! __filter_expression {
    ($table:ident $filter:ident equal $value:ident) => {
        $table::$filter.eq($value)
    };
    ($table:ident $filter:ident any_of $value:ident) => {
        $table::$filter.eq_any($value)
    };
    ($table:ident $filter:ident after $value:ident) => {
        $table::$filter.gt($value)
    };
    ($table:ident $filter:ident before $value:ident) => {
        $table::$filter.lt($value)
    };
    ($table:ident $filter:ident prefix $value:ident) => {
        $crate::__private::store::substr($table::$filter, 1, $value.chars().count() as i32).eq($value)
    };
}
