//! Lookup of one record for a decision. Only a lookup seals a record.

use crate::authz::action::Read;
use crate::authz::{Can, Relation, RelationSet, Resource, RowFilter, Sealed};
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::handle::Store;
use crate::store::shared::Shared;

/// A kind of record with a lookup by id. [`stored!`](crate::stored) implements it for a record in a table of
/// its own. An implementation by hand can ask another system than this database for relations.
#[diagnostic::on_unimplemented(
    message = "the store cannot look up a `{Self}`",
    label = "write `stored! {{ {Self} in table {{ owner: owner_id; }} }}`"
)]
pub trait Stored: Resource + Can<Read> {
    /// The relations that [`Stored::find`] resolves.
    const RESOLVED: &'static [Relation] = Self::RELATIONS;

    /// Looks up the record within `filter`. Found or not, it is sealed.
    fn find(
        lookup: Lookup<'_>,
        id: Self::Id,
        filter: RowFilter,
    ) -> impl Future<Output = Result<Sealed<Self>, StoreError>>;
}

/// A lookup, for [`Stored::find`] only. Its functions are the only ones that seal a record.
pub struct Lookup<'a>(&'a Store);

impl Store {
    /// Looks up one record for a decision.
    pub(crate) async fn find<R: Stored>(
        &self,
        id: R::Id,
        filter: RowFilter,
    ) -> Result<Sealed<R>, StoreError> {
        R::find(Lookup(self), id, filter).await
    }
}

impl Lookup<'_> {
    pub(in crate::store) fn shared(&self) -> &Shared {
        self.0.shared()
    }

    /// Returns a record of a kind without relations. `work` may run again after a lost connection.
    ///
    /// # Errors
    /// The error of `work`.
    pub async fn record<R: Resource + Send>(
        self,
        work: impl Fn(&mut Connection) -> Result<Option<R>, StoreError> + Send + 'static,
    ) -> Result<Sealed<R>, StoreError> {
        Ok(Sealed::new(self.0.read(work).await?))
    }

    /// Returns a record of cloakroom's own by its key. On SQLite it reads on this thread.
    ///
    /// # Errors
    /// The error of `work`.
    pub(crate) async fn own_record<R: Resource + Send>(
        self,
        work: impl Fn(&mut Connection) -> Result<Option<R>, StoreError> + Send + 'static,
    ) -> Result<Sealed<R>, StoreError> {
        Ok(Sealed::new(self.0.read_by_key(work).await?))
    }

    /// Returns a record with its relations to the caller. `work` may run again after a lost connection.
    ///
    /// # Errors
    /// The error of `work`.
    pub async fn related<R: Resource + Send>(
        self,
        work: impl Fn(&mut Connection) -> Result<Option<(R, RelationSet)>, StoreError> + Send + 'static,
    ) -> Result<Sealed<R>, StoreError> {
        Ok(Sealed::with_relations(self.0.read(work).await?))
    }
}
