//! Records of an application in a table of their own: looked up, listed, made, changed and removed
//! by the store, given the proof. [`stored!`](crate::stored) writes the queries.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::lookup::Stored;
use crate::authz::action::{Action, Changing, Create, Delete};
use crate::authz::{Allowed, AuditEvent, Can, Reach, RelationSet, RowFilter};
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::handle::Store;

/// A kind of record in a table of its own, whose primary key is `id` and whose `revision` grows
/// with every change. Implemented by [`stored!`](crate::stored).
#[diagnostic::on_unimplemented(
    message = "the store does not know where a `{Self}` is kept",
    label = "write `stored! {{ {Self} in table {{ owner: owner_id; }} }}`"
)]
pub trait Kept: Stored + Clone + Send + Sync {
    /// What a list can be filtered by, read from a query.
    type Filter: Clone + Default + Send + Sync;
    /// The members that a list can be sorted by; the first is the order when none is asked for.
    const SORTS: &'static [&'static str];

    /// The record's version.
    fn revision(&self) -> i64;
    /// The filters, each with its schema.
    fn filters() -> Vec<(&'static str, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>;
    /// Reads the filters out of a query, by their names.
    ///
    /// # Errors
    /// What is wrong with one, in a sentence.
    fn read_filter(
        take: impl FnMut(&'static str) -> Result<Option<String>, String>,
    ) -> Result<Self::Filter, String>;

    #[doc(hidden)]
    fn next(&mut self, now: DateTime<Utc>);
    #[doc(hidden)]
    fn position(&self, sort: &str) -> Position;
    #[doc(hidden)]
    fn find_one(
        conn: &mut Connection,
        id: &Self::Id,
        filter: &RowFilter,
    ) -> Result<Option<(Self, RelationSet)>, StoreError>;
    #[doc(hidden)]
    fn find_page(
        conn: &mut Connection,
        query: &Selection<Self>,
    ) -> Result<Vec<(Self, RelationSet)>, StoreError>;
    #[doc(hidden)]
    fn insert(&self, conn: &mut Connection) -> Result<usize, StoreError>;
    #[doc(hidden)]
    fn overwrite(&self, conn: &mut Connection) -> Result<usize, StoreError>;
    #[doc(hidden)]
    fn delete(&self, conn: &mut Connection) -> Result<usize, StoreError>;
}

/// A page of a list that is asked for.
#[derive(Clone, Debug)]
pub struct Selection<R: Kept> {
    /// Which records.
    pub filter: R::Filter,
    /// By what, one of [`Kept::SORTS`].
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
/// use cloakroom::store::{Kept, Store};
///
/// async fn life<R>(store: Store, new: Allowed<R, Create>, old: Allowed<R, Delete>) -> Result<(), Problem>
/// where
///     R: Kept + Can<Create> + Can<Delete>,
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
    pub async fn list<R: Kept, A: Action>(
        &self,
        reach: &Reach<R, A>,
        mut selection: Selection<R>,
    ) -> Result<Selected<R>, StoreError> {
        let limit = usize::from(selection.limit);
        selection.within.push(reach.row_filter());
        let sort = selection.sort;
        let mut records = self.read(move |conn| R::find_page(conn, &selection)).await?;
        let more = records.len() > limit;
        records.truncate(limit);
        let last = records.last().filter(|_| more);
        Ok(Selected { next: last.map(|(record, _)| record.position(sort)), records })
    }

    /// Keeps a new record.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another has what must be its own.
    pub async fn insert<R: Kept>(&self, new: Allowed<R, Create>) -> Result<Allowed<R, Create>, StoreError> {
        let (deed, filter) = (AuditEvent::from(&new), RowFilter::unrestricted(new.by()));
        let record = (*new).clone();
        let kept = self.write_once(Some(deed), move |conn, _| {
            one_row(record.insert(conn)?)?;
            as_it_is_now(conn, &record, &filter)
        });
        Ok(new.now(kept.await?))
    }

    /// Changes a record, provided that nobody else did since it was read.
    ///
    /// # Errors
    /// [`StoreError::Changed`], [`StoreError::Taken`].
    pub async fn update<R: Kept + Can<A>, A: Changing>(
        &self,
        record: Allowed<R, A>,
        change: impl FnOnce(&mut R),
    ) -> Result<Allowed<R, A>, StoreError> {
        let deed = AuditEvent::from(&record);
        let mut next = (*record).clone();
        change(&mut next);
        if next.id().to_string() != record.id().to_string() {
            return Err(StoreError::Internal("a change must not make another record of it".to_owned()));
        }
        next.next(self.shared().now());
        let filter = RowFilter::unrestricted(record.by());
        let kept = self.write(Some(deed), move |conn, _| {
            one_row(next.overwrite(conn)?)?;
            as_it_is_now(conn, &next, &filter)
        });
        Ok(record.now(kept.await?))
    }

    /// Removes a record, provided that nobody changed it since it was read.
    ///
    /// # Errors
    /// [`StoreError::Changed`].
    pub async fn remove<R: Kept>(&self, record: Allowed<R, Delete>) -> Result<(), StoreError> {
        let deed = AuditEvent::from(&record);
        self.write(Some(deed), move |conn, _| one_row(record.delete(conn)?)).await
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
        let (deed, record) = (AuditEvent::from(record), (**record).clone());
        self.write_once(Some(deed), move |conn, _| work(conn, &record)).await
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
fn as_it_is_now<R: Kept>(
    conn: &mut Connection,
    record: &R,
    filter: &RowFilter,
) -> Result<(R, RelationSet), StoreError> {
    R::find_one(conn, &record.id(), filter)?.ok_or(StoreError::Changed)
}

/// Reports a cursor that does not fit the record: the record's type changed since the cursor was made.
#[doc(hidden)]
pub fn position_part<T, E>(part: Result<T, E>) -> Result<T, StoreError> {
    part.map_err(|_| StoreError::Internal("a cursor of another version of the application".to_owned()))
}

pub(in crate::store) fn one_row(rows: usize) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Changed) }
}
