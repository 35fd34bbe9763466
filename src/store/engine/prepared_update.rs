//! Changes of rows, written as with diesel's own `update` and `set`. That keeps no `UPDATE` prepared, since its text may be
//! another each time; the text of these is not, and so each is compiled once, and a round trip to PostgreSQL less.

use diesel::backend::Backend;
use diesel::query_builder::{AsChangeset, AstPass, IntoUpdateTarget, QueryFragment, QueryId};
use diesel::{QueryResult, QuerySource, RunQueryDsl, Table};

/// Rows of a table, and what they become.
pub(in crate::store) struct Update<F, W, V> {
    from: F,
    rows: W,
    values: V,
}

/// Changes these rows, of a table that was only filtered.
pub(in crate::store) fn update<R: IntoUpdateTarget>(
    rows: R,
) -> Update<<R::Table as QuerySource>::FromClause, R::WhereClause, Of<R::Table>>
where
    R::Table: Table,
{
    let target = rows.into_update_target();
    Update { from: target.table.from_clause(), rows: target.where_clause, values: Of(target.table) }
}

/// What they become is still to be said.
pub(in crate::store) struct Of<T>(T);

impl<F, W, T: Table> Update<F, W, Of<T>> {
    /// What they become. Which columns are changed depends on nothing that a caller sends: every text that there ever
    /// was stays prepared as long as the connection.
    pub(in crate::store) fn set<V: AsChangeset<Target = T>>(self, values: V) -> Update<F, W, V::Changeset> {
        Update { from: self.from, rows: self.rows, values: values.as_changeset() }
    }
}

impl<F, W, V, C> RunQueryDsl<C> for Update<F, W, V> {}

impl<F, W, V> QueryId for Update<F, W, V> {
    type QueryId = ();
    /// It is its text that a statement is found by.
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
