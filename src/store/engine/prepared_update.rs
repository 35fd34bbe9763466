//! Prepared `UPDATE` statements, written as with diesel's own `update` and `set`. Diesel prepares no `UPDATE`
//! for reuse, because its text may vary. The text of these does not: each is prepared once, which saves
//! PostgreSQL a round trip.

use diesel::backend::Backend;
use diesel::query_builder::{AsChangeset, AstPass, IntoUpdateTarget, QueryFragment, QueryId};
use diesel::{QueryResult, QuerySource, RunQueryDsl, Table};

/// An `UPDATE` statement.
pub(in crate::store) struct Update<F, W, V> {
    from: F,
    rows: W,
    values: V,
}

/// Begins an update of the rows of a filtered table.
pub(in crate::store) fn update<R: IntoUpdateTarget>(
    rows: R,
) -> Update<<R::Table as QuerySource>::FromClause, R::WhereClause, Of<R::Table>>
where
    R::Table: Table,
{
    let target = rows.into_update_target();
    Update { from: target.table.from_clause(), rows: target.where_clause, values: Of(target.table) }
}

/// An update without its values yet.
pub(in crate::store) struct Of<T>(T);

impl<F, W, T: Table> Update<F, W, Of<T>> {
    /// Sets the values. The set of columns must not depend on input of a client: each distinct statement
    /// stays prepared as long as the connection.
    pub(in crate::store) fn set<V: AsChangeset<Target = T>>(self, values: V) -> Update<F, W, V::Changeset> {
        Update { from: self.from, rows: self.rows, values: values.as_changeset() }
    }
}

impl<F, W, V, C> RunQueryDsl<C> for Update<F, W, V> {}

impl<F, W, V> QueryId for Update<F, W, V> {
    type QueryId = ();
    /// Prepared statements are cached by their text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<F, W, V, DB> QueryFragment<DB> for Update<F, W, V>
where
    F: QueryFragment<DB>,
    W: QueryFragment<DB>,
    V: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.from.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        self.values.walk_ast(out.reborrow())?;
        self.rows.walk_ast(out)
    }
}
