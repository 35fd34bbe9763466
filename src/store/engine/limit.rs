//! `LIMIT` and `OFFSET` as literals. With parameters PostgreSQL plans a prepared statement anew on each
//! execution, because the number of wanted rows is unknown when it could cache the plan.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::{QueryResult, RunQueryDsl};

/// Page sizes. Each size is one more prepared statement per connection, so a page is rounded up to one of
/// them.
const PAGES: [u16; 4] = [10, 50, 100, 200];

/// A query with a limit.
pub struct Limited<Q> {
    query: Q,
    before: i64,
    most: i64,
}

/// Limits a query to a page of rows, and at least one row more, to know whether another page follows.
pub fn page<Q>(query: Q, limit: u16) -> Limited<Q> {
    Limited { query, before: 0, most: page_size(limit) }
}

/// Limits a query to `most` rows after the first `before`.
pub(in crate::store) fn rows_after<Q>(query: Q, before: i64, most: i64) -> Limited<Q> {
    Limited { query, before, most }
}

/// Returns how many rows [`page`] reads.
pub(in crate::store) fn page_size(limit: u16) -> i64 {
    i64::from(PAGES.into_iter().find(|size| limit <= *size).unwrap_or(limit)) + 1
}

impl<Q: Query> Query for Limited<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C> RunQueryDsl<C> for Limited<Q> {}

impl<Q> QueryId for Limited<Q> {
    type QueryId = ();
    /// Prepared statements are cached by their text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Limited<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.query.walk_ast(out.reborrow())?;
        out.push_sql(&format!(" LIMIT {} OFFSET {}", self.most, self.before));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::page_size;

    #[test]
    fn a_page_reads_at_least_one_row_more() {
        let sizes: std::collections::BTreeSet<i64> = (1..=200).map(page_size).collect();
        assert!((1..=200).all(|limit| page_size(limit) > i64::from(limit)));
        assert_eq!(Vec::from_iter(sizes), [11, 51, 101, 201]);
        assert_eq!(page_size(u16::MAX), 65_536);
    }
}
