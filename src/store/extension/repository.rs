//! A kind of record in a table of its own; [`stored!`](crate::stored) writes its queries.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::selection::{Position, Selection};
use crate::authz::action::{Changing, Create, Delete};
use crate::authz::{Allowed, RelationSet, RowFilter};
use crate::domain::{OwnedId, Time};
use crate::store::extension::filters::FilterDescription;
use crate::store::{Connection, Renewed, StoreError, Stored};

/// A kind of record in a table of its own, with the primary key `id` and a `revision` that grows with every
/// change. [`stored!`](crate::stored) implements it.
#[diagnostic::on_unimplemented(
    message = "no table is declared for `{Self}`",
    label = "write `stored! {{ {Self} in table {{ owner: owner_id; }} }}`"
)]
pub trait Repository: Stored + Clone + Send + Sync {
    /// Filters of a list.
    type Filter: Clone + Default + Send + Sync;
    /// Members that a list can be sorted by; the first is the default.
    const SORTS: &'static [&'static str];

    /// Returns the record's revision.
    fn revision(&self) -> i64;
    /// Returns the filters.
    fn filters() -> Vec<FilterDescription>;
    /// Parses the filters of a query. `take` returns a parameter by its name and that of the member that it is about.
    ///
    /// # Errors
    /// A sentence about the invalid filter.
    fn read_filter(
        take: impl FnMut(&'static str, &'static str) -> Result<Option<String>, String>,
    ) -> Result<Self::Filter, String>;

    /// Writes the members of the record in JSON, with those that not every caller may read.
    #[doc(hidden)]
    fn serialize_members<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
    /// Increments the revision, and sets the times of the last change.
    #[doc(hidden)]
    fn advance(&mut self, now: Time);
    #[doc(hidden)]
    fn sort_key(&self, sort: &str) -> Value;
    /// Selects records with their relations to the caller, within all of the row filters.
    #[doc(hidden)]
    fn select(
        conn: &mut Connection,
        rows: Rows<'_, Self>,
        within: &[RowFilter],
    ) -> Result<Vec<(Self, RelationSet)>, StoreError>;
    #[doc(hidden)]
    fn insert(&self, conn: &mut Renewed<'_, Allowed<Self, Create>>) -> Result<usize, StoreError>;
    #[doc(hidden)]
    fn update<A: Changing>(&self, conn: &mut Renewed<'_, Allowed<Self, A>>) -> Result<usize, StoreError>;
    #[doc(hidden)]
    fn delete(&self, conn: &mut Renewed<'_, Allowed<Self, Delete>>) -> Result<usize, StoreError>;

    #[doc(hidden)]
    fn find_one(
        conn: &mut Connection,
        id: &Self::Id,
        filter: &RowFilter,
    ) -> Result<Option<(Self, RelationSet)>, StoreError> {
        let found = Self::select(conn, Rows::One(id), std::slice::from_ref(filter))?.pop();
        // An id with an owner names no record of another.
        let is_named =
            |record: &Self| Self::owner_by_id(id).is_none_or(|owner| record.owner() == Some(owner));
        Ok(found.filter(|(record, _)| is_named(record)))
    }

    #[doc(hidden)]
    fn members(&self) -> MembersOf<'_, Self> {
        MembersOf(self)
    }

    #[doc(hidden)]
    fn position(&self, sort: &str) -> Position {
        Position { key: self.sort_key(sort), id: self.id().to_string() }
    }
}

/// Members of a record in JSON. A record with a member that not every caller may read has no other JSON.
#[doc(hidden)]
pub struct MembersOf<'a, R>(&'a R);

impl<R: Repository> Serialize for MembersOf<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_members(serializer)
    }
}

/// Id of a record as the primary key of its table. [`uuid_id!`](crate::uuid_id) implements it.
pub trait RecordKey: Sized {
    /// The type of the column `id`.
    type Key;

    /// Returns the primary key.
    fn key(&self) -> Self::Key;
}

impl<Id: Clone> RecordKey for OwnedId<Id> {
    type Key = Id;

    fn key(&self) -> Id {
        self.id.clone()
    }
}

/// Rows that a query selects.
#[doc(hidden)]
pub enum Rows<'a, R: Repository> {
    One(&'a R::Id),
    Among(&'a [R::Id]),
    Page(&'a Selection<R>),
}
