//! `record!`: declares a record once, for its table and its JSON.

/// Declares a kind of record: each member with its type in Rust, and the type of its column.
///
/// It writes the struct, with the derives that [`stored!`](crate::stored) needs, and `diesel::table!`. The column
/// `id` is the primary key. It adds the last member and column, `revision: i64`, which is part of the `ETag` and not of
/// the JSON. Migrations create the table, with its columns in the same order or another. The crates `diesel`, `serde`
/// and `utoipa` must be dependencies.
///
/// ```
/// use cloakroom::domain::{Time, UserId};
///
/// cloakroom::uuid_id! {
///     /// A coat's id.
///     pub struct CoatId;
/// }
///
/// cloakroom::record! {
///     /// A coat.
///     pub struct Coat in coats {
///         pub id: CoatId => Uid,
///         pub owner_id: UserId => Uid,
///         /// What is in its pockets.
///         pub content: Option<String> => Nullable<Text>,
///         pub created_at: Time => Moment,
///     }
/// }
///
/// fn age(coat: &Coat) -> i64 { coat.revision }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! record {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $record:ident in $table:ident {
            $(
                $(#[$member_meta:meta])*
                $member_visibility:vis $member:ident: $type:ty => $column:ty,
            )+
        }
    ) => {
        #[derive(
            Clone,
            diesel::prelude::Queryable,
            diesel::prelude::Selectable,
            diesel::prelude::Insertable,
            diesel::prelude::AsChangeset,
            serde::Serialize,
            utoipa::ToSchema,
        )]
        #[diesel(table_name = $table, treat_none_as_null = true)]
        $(#[$meta])*
        $visibility struct $record {
            $($(#[$member_meta])* $member_visibility $member: $type,)+
            /// Grows with every change.
            #[serde(skip)]
            #[schema(ignore)]
            $visibility revision: i64,
        }

        diesel::table! {
            use diesel::sql_types::*;
            use $crate::store::{Moment, Uid};

            $table (id) {
                $($member -> $column,)+
                revision -> BigInt,
            }
        }
    };
}
