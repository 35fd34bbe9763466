//! Lookup of one record for a decision. Only a lookup seals a record.

use std::marker::PhantomData;

use crate::authz::action::Read;
use crate::authz::{Can, Relation, RelationSet, Resource, RowFilter, Sealed};
use crate::domain::UserId;
use crate::store::extension::declared_table::DeclaredTable;
use crate::store::records::user_roles::roles_of;
use crate::store::shared::Shared;
use crate::store::{Connection, Store, StoreError};

/// A kind of record with a lookup by id. [`stored!`](crate::stored) implements it for a record in a table of
/// its own. An implementation by hand can ask another system than this database for relations.
#[diagnostic::on_unimplemented(
    message = "the store cannot look up a `{Self}`",
    label = "write `stored! {{ {Self} in table {{ owner: owner_id; }} }}`"
)]
pub trait Stored: Resource + Can<Read> {
    /// The relations that [`Stored::find`] resolves.
    const RESOLVED: &'static [Relation] = Self::RELATIONS;
    /// The declaration of its table, with which a debug build compares the table at its start.
    #[doc(hidden)]
    const TABLE: Option<fn() -> DeclaredTable> = None;

    /// Looks up the record within `filter`. Found or not, it is sealed.
    fn find(
        lookup: Lookup<'_, Self>,
        id: Self::Id,
        filter: RowFilter,
    ) -> impl Future<Output = Result<Sealed<Self>, StoreError>>;
}

/// A lookup, for [`Stored::find`] only. Its functions are the only ones that seal a record.
///
/// A lookup seals records of its own kind only. An application that has the lookup of one kind cannot
/// seal a record of another kind, which it made up:
/// ```compile_fail,E0308
/// use cloakroom::{authz::Sealed, domain::{Profile, User}, store::{Lookup, StoreError}};
/// async fn pretend(lookup: Lookup<'_, Profile>, user: User) -> Result<Sealed<User>, StoreError> {
///     lookup.record(move |_| Ok(Some(user.clone()))).await
/// }
/// ```
/// ```
/// use cloakroom::{authz::Sealed, domain::User, store::{Lookup, StoreError}};
/// async fn find(lookup: Lookup<'_, User>, user: User) -> Result<Sealed<User>, StoreError> {
///     lookup.record(move |_| Ok(Some(user.clone()))).await
/// }
/// ```
pub struct Lookup<'a, R>(&'a Store, PhantomData<fn() -> R>);

impl Store {
    /// Looks up one record for a decision.
    pub(crate) async fn find<R: Stored>(
        &self,
        id: R::Id,
        filter: RowFilter,
    ) -> Result<Sealed<R>, StoreError> {
        R::find(Lookup(self, PhantomData), id, filter).await
    }
}

impl<R: Resource + Send> Lookup<'_, R> {
    pub(in crate::store) fn shared(&self) -> &Shared {
        self.0.shared()
    }

    /// Returns a record of a kind without relations. `work` may run again after a lost connection.
    ///
    /// # Errors
    /// The error of `work`.
    pub async fn record(
        self,
        work: impl Fn(&mut Connection) -> Result<Option<R>, StoreError> + Send + 'static,
    ) -> Result<Sealed<R>, StoreError> {
        Ok(Sealed::new(self.0.read(work).await?))
    }

    /// Returns a record of cloakroom's own by its key. `work` only reads, and may run several times.
    ///
    /// # Errors
    /// The error of `work`.
    pub(crate) async fn own_record(
        self,
        work: impl Fn(&mut Connection) -> Result<Option<R>, StoreError> + Send + 'static,
    ) -> Result<Sealed<R>, StoreError> {
        Ok(Sealed::new(self.0.read_by_key(work).await?))
    }

    /// Returns a record of cloakroom's own that belongs to a user, ranked by the roles of that user. A caller
    /// reaches the own records whatever their rank, so that their lookup reads no roles.
    ///
    /// # Errors
    /// The error of `work`.
    pub(crate) async fn record_of(
        self,
        owner: UserId,
        filter: &RowFilter,
        work: impl Fn(&mut Connection) -> Result<Option<R>, StoreError> + Send + 'static,
    ) -> Result<Sealed<R>, StoreError> {
        let vocabulary = self.shared().vocabulary.clone();
        let is_own = filter.caller() == Some(owner);
        let ranked = move |conn: &mut Connection| {
            let Some(record) = work(conn)? else { return Ok(None) };
            let roles = if is_own { None } else { Some(roles_of(conn, &vocabulary, owner)?) };
            Ok(Some((record, roles)))
        };
        Ok(Sealed::with_owner_roles(self.0.read_by_key(ranked).await?))
    }

    /// Returns a record with its relations to the caller. `work` may run again after a lost connection.
    ///
    /// # Errors
    /// The error of `work`.
    pub async fn related(
        self,
        work: impl Fn(&mut Connection) -> Result<Option<(R, RelationSet)>, StoreError> + Send + 'static,
    ) -> Result<Sealed<R>, StoreError> {
        Ok(Sealed::with_relations(self.0.read(work).await?))
    }
}
