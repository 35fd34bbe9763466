//! Queries that are cut to some rows by numbers in their text. When a number is a parameter, PostgreSQL does not know how
//! many rows are wanted until it is asked, keeps no plan where there are many, and plans the statement each time.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::{QueryResult, RunQueryDsl};

/// Each size is a statement more that a connection keeps prepared, so a page is read as one of these.
const PAGES: [u16; 4] = [10, 50, 100, 200];

/// A query, and which of its rows.
pub struct Cut<Q> {
    query: Q,
    before: i64,
    most: i64,
}

/// The rows of a page, and at least one more where there is one.
pub fn page<Q>(query: Q, limit: u16) -> Cut<Q> {
    Cut { query, before: 0, most: page_size(limit) }
}

/// The row that so many are before.
pub(in crate::store) fn after<Q>(query: Q, before: i64) -> Cut<Q> {
    Cut { query, before, most: 1 }
}

/// How many rows [`page`] reads.
pub(in crate::store) fn page_size(limit: u16) -> i64 {
    i64::from(PAGES.into_iter().find(|size| limit <= *size).unwrap_or(limit)) + 1
}

impl<Q: Query> Query for Cut<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C> RunQueryDsl<C> for Cut<Q> {}

impl<Q> QueryId for Cut<Q> {
    type QueryId = ();
    /// It is its text that a statement is found by.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Cut<Q> {
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
    fn a_page_is_read_with_at_least_a_row_more_and_in_few_sizes() {
        let sizes: std::collections::BTreeSet<i64> = (1..=200).map(page_size).collect();
        assert!((1..=200).all(|limit| page_size(limit) > i64::from(limit)));
        assert_eq!(Vec::from_iter(sizes), [11, 51, 101, 201]);
        assert_eq!(page_size(u16::MAX), 65_536);
    }
}
