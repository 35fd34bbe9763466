//! A page of a list of records: the query, its keyset cursor, and the result.

use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::repository::Repository;
use crate::authz::{RelationSet, RowFilter};
use crate::store::StoreError;

/// Query for a page of a list.
#[derive(Clone, Debug)]
pub struct Selection<R: Repository> {
    /// Filters.
    pub filter: R::Filter,
    /// Sort order, one of [`Repository::SORTS`].
    pub sort: &'static str,
    /// True for the descending order.
    pub descending: bool,
    /// Keyset cursor: the page begins after this position.
    pub after: Option<Position>,
    /// Upper bound of the number of records.
    pub limit: u16,
    /// Row filters. The page contains only records within all of them.
    pub within: Vec<RowFilter>,
}

/// Keyset cursor: the sort value of the last record, and its id, which orders equal values.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Sort value.
    pub key: Value,
    /// Id.
    pub id: String,
}

impl Position {
    /// Reads the value and the id.
    ///
    /// # Errors
    /// When the cursor does not fit the record: the record's type changed since the cursor was made.
    #[doc(hidden)]
    pub fn parse<K: DeserializeOwned, Id: FromStr>(&self) -> Result<(K, Id), StoreError> {
        let wrong = || StoreError::Internal("the cursor is of another version of the application".to_owned());
        let key = serde_json::from_value(self.key.clone()).map_err(|_| wrong())?;
        Ok((key, self.id.parse().map_err(|_| wrong())?))
    }
}

/// A page of a list.
pub struct Selected<R> {
    /// The records, each with its relations to the caller.
    pub records: Vec<(R, RelationSet)>,
    /// [`Selection::after`] of the next page; none on the last page.
    pub next: Option<Position>,
}
