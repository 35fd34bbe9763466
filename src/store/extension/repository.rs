//! Records of an application in a table of their own: looked up, listed, made, changed and removed
//! by the store, given the proof. [`stored!`](crate::stored) writes the queries.

use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::lookup::Stored;
use crate::authz::action::{Action, Changing, Create, Delete};
use crate::authz::{Allowed, AuditEvent, Can, Reach, RelationSet, RowFilter};
use crate::domain::Time;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::handle::Store;

/// Schema of a filter, for the OpenAPI document.
#[doc(hidden)]
pub type Schema = utoipa::openapi::RefOr<utoipa::openapi::Schema>;

/// A kind of record in a table of its own, whose primary key is `id` and whose `revision` grows
/// with every change. Implemented by [`stored!`](crate::stored).
#[diagnostic::on_unimplemented(
    message = "the store does not know where a `{Self}` is kept",
    label = "write `stored! {{ {Self} in table {{ owner: owner_id; }} }}`"
)]
pub trait Repository: Stored + Clone + Send + Sync {
    /// What a list can be filtered by, read from a query.
    type Filter: Clone + Default + Send + Sync;
    /// The members that a list can be sorted by; the first is the order when none is asked for.
    const SORTS: &'static [&'static str];

    /// The record's version.
    fn revision(&self) -> i64;
    /// The filters, each with its schema.
    fn filters() -> Vec<(&'static str, Schema)>;
    /// Reads the filters out of a query, by their names.
    ///
    /// # Errors
    /// What is wrong with one, in a sentence.
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
    fn insert(&self, conn: &mut Connection) -> Result<usize, StoreError>;
    #[doc(hidden)]
    fn update(&self, conn: &mut Connection) -> Result<usize, StoreError>;
    #[doc(hidden)]
    fn delete(&self, conn: &mut Connection) -> Result<usize, StoreError>;

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

/// A page of a list that is asked for.
#[derive(Clone, Debug)]
pub struct Selection<R: Repository> {
    /// Which records.
    pub filter: R::Filter,
    /// By what, one of [`Repository::SORTS`].
    pub sort: &'static str,
    /// Backwards.
    pub descending: bool,
    /// Those after this one.
    pub after: Option<Position>,
    /// At most so many.
    pub limit: u16,
    /// What the query may return: what is within all of these.
    pub within: Vec<RowFilter>,
}

/// Where a page ended: the value it is sorted by, and the id that decides between equals.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// The value.
    pub key: Value,
    /// The id.
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

/// A page of a list, and where the next one begins if there is one.
pub struct Selected<R> {
    /// The records, each with the relations that it has to the caller.
    pub records: Vec<(R, RelationSet)>,
    /// What to pass as [`Selection::after`] for the next page.
    pub next: Option<Position>,
}

/// What the store does with the records of an application, each with the proof that it takes:
///
/// ```
/// use cloakroom::authz::action::{Create, Delete, Update};
/// use cloakroom::authz::{Allowed, Can};
/// use cloakroom::http::Problem;
/// use cloakroom::store::{Repository, Store};
///
/// async fn life<R>(store: Store, new: Allowed<R, Create>, old: Allowed<R, Delete>) -> Result<(), Problem>
/// where
///     R: Repository + Can<Create> + Can<Delete>,
/// {
///     store.insert(new).await?;
///     store.remove(old).await?;
///     Ok(())
/// }
/// ```
impl Store {
    /// A page of the records within reach.
    ///
    /// # Errors
    /// When the database is away.
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

    /// Keeps a new record.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another has what must be its own.
    pub async fn insert<R: Repository>(
        &self,
        new: Allowed<R, Create>,
    ) -> Result<Allowed<R, Create>, StoreError> {
        let (event, filter) = (AuditEvent::from(&new), RowFilter::unrestricted(new.by()));
        let record = (*new).clone();
        let kept = self.write_idempotent(Some(event), move |conn, _| {
            one_row(record.insert(conn)?)?;
            as_it_is_now(conn, &record, &filter)
        });
        Ok(new.now(kept.await?))
    }

    /// Changes a record, provided that nobody else did since it was read.
    ///
    /// # Errors
    /// [`StoreError::Changed`], [`StoreError::Taken`].
    pub async fn update<R: Repository + Can<A>, A: Changing>(
        &self,
        record: Allowed<R, A>,
        change: impl FnOnce(&mut R),
    ) -> Result<Allowed<R, A>, StoreError> {
        let event = AuditEvent::from(&record);
        let mut next = (*record).clone();
        change(&mut next);
        if next.id().to_string() != record.id().to_string() {
            return Err(StoreError::Internal("a change must not make another record of it".to_owned()));
        }
        next.advance(Time(self.shared().now()));
        let filter = RowFilter::unrestricted(record.by());
        let kept = self.write(Some(event), move |conn, _| {
            one_row(next.update(conn)?)?;
            as_it_is_now(conn, &next, &filter)
        });
        Ok(record.now(kept.await?))
    }

    /// Removes a record, provided that nobody changed it since it was read.
    ///
    /// # Errors
    /// [`StoreError::Changed`].
    pub async fn remove<R: Repository>(&self, record: Allowed<R, Delete>) -> Result<(), StoreError> {
        let event = AuditEvent::from(&record);
        self.write(Some(event), move |conn, _| one_row(record.delete(conn)?)).await
    }

    /// Changes what belongs to a record, in one transaction with its line in the audit trail. It may
    /// be made once more, when the engine undid it.
    ///
    /// # Errors
    /// What `work` fails with; then nothing was changed.
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
        let (event, record) = (AuditEvent::from(record), (**record).clone());
        self.write_idempotent(Some(event), move |conn, _| work(conn, &record)).await
    }

    /// Reads what belongs to a record; the engine lets nothing be written. It may be read twice,
    /// when a connection turns out dead.
    ///
    /// # Errors
    /// What `work` fails with.
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

    /// Reads from a collection by a query of one's own, which must return nothing outside of the
    /// [`RowFilter`] that it is given; the engine lets nothing be written. It may be read twice, when a
    /// connection turns out dead.
    ///
    /// # Errors
    /// What `work` fails with.
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

/// The record after a change, with the relations that it has to the caller by now.
fn as_it_is_now<R: Repository>(
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
