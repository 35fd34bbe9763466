//! A record looked up for a decision: it comes back sealed, and nothing else seals.

use crate::authz::action::Read;
use crate::authz::{Can, Relation, RelationSet, Resource, RowFilter, Sealed};
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::handle::Store;
use crate::store::shared::Shared;

/// A kind of record that can be looked up by its id. [`stored!`](crate::stored) implements it for
/// one in a table of its own; by hand it is the place where relations are asked of something else
/// than this database.
#[diagnostic::on_unimplemented(
    message = "the store cannot look up a `{Self}`",
    label = "write `stored! {{ {Self} in table {{ owner: owner_id; }} }}`"
)]
pub trait Stored: Resource + Can<Read> {
    /// The relations that [`Stored::find`] resolves.
    const RESOLVED: &'static [Relation] = Self::RELATIONS;

    /// Looks the record up, provided that it is within `filter`; found or not, it comes back sealed.
    fn find(
        lookup: Lookup<'_>,
        id: Self::Id,
        filter: RowFilter,
    ) -> impl Future<Output = Result<Sealed<Self>, StoreError>>;
}

/// One lookup, for [`Stored::find`] alone: what it returns is sealed, and nothing else seals.
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

    /// The record, of a kind that has no relations. It may be read twice, when a connection turns
    /// out dead.
    ///
    /// # Errors
    /// What `work` fails with.
    pub async fn record<R: Resource + Send>(
        self,
        work: impl Fn(&mut Connection) -> Result<Option<R>, StoreError> + Send + 'static,
    ) -> Result<Sealed<R>, StoreError> {
        Ok(Sealed::new(self.0.read(work).await?))
    }

    /// The record, of a kind of cloakroom's own, by its key: on SQLite without another thread.
    pub(crate) async fn own_record<R: Resource + Send>(
        self,
        work: impl Fn(&mut Connection) -> Result<Option<R>, StoreError> + Send + 'static,
    ) -> Result<Sealed<R>, StoreError> {
        Ok(Sealed::new(self.0.read_by_key(work).await?))
    }

    /// The record, and the relations that it has to the caller.
    ///
    /// # Errors
    /// What `work` fails with.
    pub async fn related<R: Resource + Send>(
        self,
        work: impl Fn(&mut Connection) -> Result<Option<(R, RelationSet)>, StoreError> + Send + 'static,
    ) -> Result<Sealed<R>, StoreError> {
        Ok(Sealed::with_relations(self.0.read(work).await?))
    }
}
