//! Records of an application. The store lists, inserts, updates and deletes them against a proof.

use std::collections::HashMap;

use super::repository::{Repository, Rows};
use super::selection::{Selected, Selection};
use crate::authz::action::{Action, Changing, Create, Delete};
use crate::authz::{Allowed, Can, Reach, RelationSet, Resource, RowFilter};
use crate::domain::Time;
use crate::store::renewed::Authorization;
use crate::store::{Connection, Renewed, Store, StoreError};

/// Most ids in one statement.
const BATCH: usize = 200;

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
        selection.within.insert(0, reach.row_filter());
        let sort = selection.sort;
        let mut records =
            self.read(move |conn| R::select(conn, Rows::Page(&selection), &selection.within)).await?;
        let more = records.len() > limit;
        records.truncate(limit);
        let last = records.last().filter(|_| more);
        Ok(Selected { next: last.map(|(record, _)| record.position(sort)), records })
    }

    /// Returns those of the records with these ids that are within reach, in the order of the ids.
    pub(crate) async fn among<R: Repository, A: Action>(
        &self,
        reach: &Reach<R, A>,
        ids: Vec<R::Id>,
    ) -> Result<Vec<(R, RelationSet)>, StoreError> {
        let filter = [reach.row_filter()];
        let order: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let found = self.read(move |conn| {
            let mut found = Vec::new();
            for batch in ids.chunks(BATCH) {
                found.extend(R::select(conn, Rows::Among(batch), &filter)?);
            }
            Ok(found)
        });
        let mut by_id: HashMap<String, _> =
            found.await?.into_iter().map(|found| (found.0.id().to_string(), found)).collect();
        Ok(order.iter().filter_map(|id| by_id.remove(id)).collect())
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
    /// [`StoreError::Changed`], [`StoreError::Taken`]; [`StoreError::ReadOnly`] when `change` alters a member that
    /// the caller may not write ([`Member`](crate::authz::Member)).
    pub async fn update<R: Repository + Can<A>, A: Changing>(
        &self,
        record: Allowed<R, A>,
        change: impl FnOnce(&mut R),
    ) -> Result<Allowed<R, A>, StoreError> {
        let by = Authorization::of(&record);
        let mut next = (*record).clone();
        change(&mut next);
        refuse_altered(&*record, &next, &read_only(&record))?;
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
    /// The errors of [`Store::update`], and the error of `change`; then nothing changed.
    pub async fn update_with<R: Repository + Can<A>, A: Changing>(
        &self,
        record: Allowed<R, A>,
        change: impl Fn(&mut Connection, &mut R) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<Allowed<R, A>, StoreError> {
        let (by, read, now) = (Authorization::of(&record), (*record).clone(), Time(self.shared().now()));
        let filter = RowFilter::unrestricted(record.by());
        let read_only = read_only(&record);
        let stored = self.write_idempotent(by, move |conn, _| {
            let mut next = read.clone();
            change(conn, &mut next)?;
            refuse_altered(&read, &next, &read_only)?;
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

/// Returns the members that the caller may not write.
fn read_only<R: Resource, A>(record: &Allowed<R, A>) -> Vec<&'static str> {
    record.read_only_members().map(|(name, _)| name).collect()
}

/// Refuses a change of one of these members.
fn refuse_altered<R: Repository>(read: &R, next: &R, read_only: &[&'static str]) -> Result<(), StoreError> {
    if read_only.is_empty() {
        return Ok(());
    }
    let json = |record: &R| {
        let members = serde_json::to_value(record.members());
        members.map_err(|error| StoreError::Internal(format!("a {} has no JSON: {error}", R::NAME)))
    };
    let (read, next) = (json(read)?, json(next)?);
    match read_only.iter().find(|name| read.get(**name) != next.get(**name)) {
        Some(name) => Err(StoreError::ReadOnly(name)),
        None => Ok(()),
    }
}

/// Returns the record after a change, with its new relations to the caller.
fn reload<R: Repository>(
    conn: &mut Connection,
    record: &R,
    filter: &RowFilter,
) -> Result<(R, RelationSet), StoreError> {
    R::find_one(conn, &record.id(), filter)?.ok_or(StoreError::Changed)
}

/// Checks that a statement changed exactly one row.
pub(in crate::store) fn one_row(rows: usize) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Changed) }
}
