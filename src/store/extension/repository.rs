//! Records of an application, each kind in a table of its own. The store lists, inserts, updates and deletes
//! them against a proof; [`stored!`](crate::stored) writes the queries.

use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::authz::action::{Action, Changing, Create, Delete};
use crate::authz::{Allowed, Can, Reach, RelationSet, RowFilter};
use crate::domain::Time;
use crate::store::renewed::Authorization;
use crate::store::{Connection, Renewed, Store, StoreError, Stored};

/// Schema of a filter, for the OpenAPI document.
#[doc(hidden)]
pub type Schema = utoipa::openapi::RefOr<utoipa::openapi::Schema>;

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
    /// Returns the names of the filters, each with its schema.
    fn filters() -> Vec<(&'static str, Schema)>;
    /// Parses the filters of a query. `take` returns the parameter of a name.
    ///
    /// # Errors
    /// A sentence about the invalid filter.
    fn read_filter(
        take: impl FnMut(&'static str) -> Result<Option<String>, String>,
    ) -> Result<Self::Filter, String>;

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
        Ok(Self::select(conn, Rows::One(id), std::slice::from_ref(filter))?.pop())
    }

    #[doc(hidden)]
    fn position(&self, sort: &str) -> Position {
        Position { key: self.sort_key(sort), id: self.id().to_string() }
    }
}

/// Rows that a query selects.
#[doc(hidden)]
pub enum Rows<'a, R: Repository> {
    One(&'a R::Id),
    Page(&'a Selection<R>),
}

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

/// Records of an application:
///
/// ```
/// use cloakroom::authz::action::{Create, Delete, Update};
/// use cloakroom::authz::{Allowed, Can};
/// use cloakroom::http::Problem;
/// use cloakroom::store::{Repository, Store};
///
/// async fn replace<R>(store: Store, new: Allowed<R, Create>, old: Allowed<R, Delete>) -> Result<(), Problem>
/// where
///     R: Repository + Can<Create> + Can<Delete>,
/// {
///     store.insert(new).await?;
///     store.remove(old).await?;
///     Ok(())
/// }
/// ```
impl Store {
    /// Returns a page of the records within reach.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn list<R: Repository, A: Action>(
        &self,
        reach: &Reach<R, A>,
        mut selection: Selection<R>,
    ) -> Result<Selected<R>, StoreError> {
        let limit = usize::from(selection.limit);
        selection.within.push(reach.row_filter());
        let sort = selection.sort;
        let mut records =
            self.read(move |conn| R::select(conn, Rows::Page(&selection), &selection.within)).await?;
        let more = records.len() > limit;
        records.truncate(limit);
        let last = records.last().filter(|_| more);
        Ok(Selected { next: last.map(|(record, _)| record.position(sort)), records })
    }

    /// Inserts a new record.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another record has a unique value of it.
    pub async fn insert<R: Repository>(
        &self,
        new: Allowed<R, Create>,
    ) -> Result<Allowed<R, Create>, StoreError> {
        let (by, filter) = (Authorization::of(&new), RowFilter::unrestricted(new.by()));
        let record = (*new).clone();
        let stored = self.write_idempotent(by, move |conn, _| {
            one_row(record.insert(conn)?)?;
            reload(conn, &record, &filter)
        });
        Ok(new.now(stored.await?))
    }

    /// Updates a record, if it is unchanged since it was read.
    ///
    /// # Errors
    /// [`StoreError::Changed`], [`StoreError::Taken`].
    pub async fn update<R: Repository + Can<A>, A: Changing>(
        &self,
        record: Allowed<R, A>,
        change: impl FnOnce(&mut R),
    ) -> Result<Allowed<R, A>, StoreError> {
        let by = Authorization::of(&record);
        let mut next = (*record).clone();
        change(&mut next);
        let (read, now) = ((*record).clone(), Time(self.shared().now()));
        let filter = RowFilter::unrestricted(record.by());
        let stored = self.write(by, move |conn, _| replace(conn, &read, next.clone(), now, &filter));
        Ok(record.now(stored.await?))
    }

    /// Updates a record as [`Store::update`] does, and more rows in the same transaction. `change` may run again
    /// after a rollback, each time with the record as it was read.
    ///
    /// ```
    /// # use cloakroom::authz::{Allowed, Can, action::Update};
    /// # use cloakroom::http::Problem;
    /// # use cloakroom::on;
    /// # use cloakroom::store::{Repository, Store};
    /// # use diesel::prelude::*;
    /// # diesel::table! { pegs (id) { id -> BigInt, taken -> Bool } }
    /// async fn take_peg<R: Repository + Can<Update>>(store: Store, coat: Allowed<R, Update>, peg: i64) -> Result<(), Problem> {
    ///     let updated = store.update_with(coat, move |conn, _coat| {
    ///         on!(conn, |c| diesel::update(pegs::table.find(peg)).set(pegs::taken.eq(true)).execute(c))?;
    ///         Ok(())
    ///     });
    ///     drop(updated.await?);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Changed`], [`StoreError::Taken`], and the error of `change`; then nothing changed.
    pub async fn update_with<R: Repository + Can<A>, A: Changing>(
        &self,
        record: Allowed<R, A>,
        change: impl Fn(&mut Connection, &mut R) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Allowed<R, A>, StoreError> {
        let (by, read, now) = (Authorization::of(&record), (*record).clone(), Time(self.shared().now()));
        let filter = RowFilter::unrestricted(record.by());
        let stored = self.write_idempotent(by, move |conn, _| {
            let mut next = read.clone();
            change(conn, &mut next)?;
            replace(conn, &read, next, now, &filter)
        });
        Ok(record.now(stored.await?))
    }

    /// Deletes a record, if it is unchanged since it was read.
    ///
    /// # Errors
    /// [`StoreError::Changed`].
    pub async fn remove<R: Repository>(&self, record: Allowed<R, Delete>) -> Result<(), StoreError> {
        let by = Authorization::of(&record);
        self.write(by, move |conn, _| one_row(record.delete(conn)?)).await
    }

    /// Changes rows that belong to a record, in one transaction with the audit event. `work` may run again
    /// after a rollback.
    ///
    /// # Errors
    /// The error of `work`; then nothing changed.
    pub async fn change<R, A, T>(
        &self,
        record: &Allowed<R, A>,
        work: impl Fn(&mut Connection, &R) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError>
    where
        R: Can<A> + Clone + Send,
        A: Changing,
        T: Send + 'static,
    {
        let (by, record) = (Authorization::of(record), (**record).clone());
        self.write_idempotent(by, move |conn, _| work(conn, &record)).await
    }

    /// Reads rows that belong to a record, in a read-only transaction. `work` may run again after a lost
    /// connection.
    ///
    /// # Errors
    /// The error of `work`.
    pub async fn query<R, A, T>(
        &self,
        record: &Allowed<R, A>,
        work: impl Fn(&mut Connection, &R) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError>
    where
        R: Can<A> + Clone + Send,
        A: Action,
        T: Send + 'static,
    {
        let record = (**record).clone();
        self.read(move |conn| conn.read_only(|conn| work(conn, &record))).await
    }

    /// Reads a collection by a custom query, in a read-only transaction. The query must return nothing
    /// outside of its [`RowFilter`]. `work` may run again after a lost connection.
    ///
    /// # Errors
    /// The error of `work`.
    pub async fn gather<R, A, T>(
        &self,
        reach: &Reach<R, A>,
        work: impl Fn(&mut Connection, &RowFilter) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError>
    where
        R: Can<A>,
        A: Action,
        T: Send + 'static,
    {
        let filter = reach.row_filter();
        self.read(move |conn| conn.read_only(|conn| work(conn, &filter))).await
    }
}

/// Stores the next state of a record, if it is unchanged since it was read. Returns it with its new relations.
fn replace<R: Repository, A: Changing>(
    conn: &mut Renewed<'_, Allowed<R, A>>,
    read: &R,
    mut next: R,
    now: Time,
    filter: &RowFilter,
) -> Result<(R, RelationSet), StoreError> {
    if next.id().to_string() != read.id().to_string() {
        return Err(StoreError::Internal("a change must not alter the id of a record".to_owned()));
    }
    next.advance(now);
    one_row(next.update(conn)?)?;
    reload(conn, &next, filter)
}

/// Returns the record after a change, with its new relations to the caller.
fn reload<R: Repository>(
    conn: &mut Connection,
    record: &R,
    filter: &RowFilter,
) -> Result<(R, RelationSet), StoreError> {
    R::find_one(conn, &record.id(), filter)?.ok_or(StoreError::Changed)
}

/// Parses one filter of a query.
#[doc(hidden)]
pub fn parse_filter<T: FromStr>(
    name: &'static str,
    take: &mut impl FnMut(&'static str) -> Result<Option<String>, String>,
) -> Result<Option<T>, String> {
    let parse = |text: String| text.parse().map_err(|_| format!("{name} cannot be {text:?}"));
    take(name)?.map(parse).transpose()
}

/// Checks that a statement changed exactly one row.
pub(in crate::store) fn one_row(rows: usize) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Changed) }
}
