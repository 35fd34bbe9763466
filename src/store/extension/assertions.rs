//! Assertions of [`stored!`](crate::stored) about a record and its table, made when it is compiled.

use std::marker::PhantomData;

use diesel::Expression;
use diesel::sql_types::{SqlType, is_nullable};
use serde::Serialize;

use crate::authz::Resource;

/// Tells by `IsSerialize::<T>::YES` whether `T` is `Serialize`: the constant of the type itself, which needs
/// `Serialize`, goes before the one of [`NotSerialize`].
pub struct IsSerialize<T>(PhantomData<T>);

/// The answer for a type that is not `Serialize`.
pub trait NotSerialize {
    /// True when the type is `Serialize`.
    const YES: bool = false;
}

impl<T> NotSerialize for IsSerialize<T> {}

impl<T: Serialize> IsSerialize<T> {
    /// True: the type is `Serialize`.
    pub const YES: bool = true;
}

/// True when not every reader of such a record may read each of its members.
#[expect(clippy::indexing_slicing, reason = "a constant function; the index is below the length")]
pub const fn has_hidden_members<R: Resource>() -> bool {
    let mut index = 0;
    while index < R::MEMBERS.len() {
        if R::MEMBERS[index].has_read_rule() {
            return true;
        }
        index += 1;
    }
    false
}

/// Nullability of a sort key. A column that can be NULL is none: the engines disagree about the place of NULL in an
/// order, and a keyset cursor compares with `<` and `>`, which are never true of it.
#[diagnostic::on_unimplemented(
    message = "a list cannot be sorted by a column that can be NULL",
    label = "declare the column without `Nullable`, here and in the migrations, or leave it out of `sort`"
)]
pub trait Sortable {}

impl Sortable for is_nullable::NotNull {}

/// Compiles for a column that a list can be sorted by.
pub fn sortable<C>(_: C)
where
    C: Expression,
    C::SqlType: SqlType,
    <C::SqlType as SqlType>::IsNull: Sortable,
{
}
