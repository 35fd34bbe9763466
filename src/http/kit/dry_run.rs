//! Dry run of a decision: its result and its reasons for a hypothetical caller.

use super::PathSegments;
use crate::authz::action::{Action, Read};
use crate::authz::{Caller, Can, Explanation, HypotheticalCaller, Preview, Resource, Sealed};
use crate::store::{Store, StoreError, Stored};

/// The inputs of a dry run.
pub struct DryRun<'a> {
    /// The store of the records.
    pub(crate) store: &'a Store,
    /// The hypothetical caller; `None` for a request without a token.
    pub(crate) who: Option<&'a HypotheticalCaller>,
    /// The segments of the path.
    pub(crate) path: PathSegments<'a>,
    /// The caller that requests the dry run. The explanation reveals no record that this caller may not read. `None` when
    /// the hypothetical caller itself does: it is told the outcome alone, which its own request would tell.
    pub(crate) asker: Option<&'a Caller>,
    /// Set while registration is open.
    pub(crate) registration_open: bool,
}

impl DryRun<'_> {
    /// Explains the decision on one record.
    pub(crate) async fn of_record<R, A>(
        &self,
        preview: Preview<R, A>,
        id: R::Id,
    ) -> Result<Explanation, StoreError>
    where
        R: Resource + Can<A> + Can<Read> + Stored,
        A: Action,
    {
        let preview = match preview.of_id(&id) {
            Ok(preview) => preview,
            Err(explanation) => return Ok(*explanation),
        };
        let Some(asker) = self.asker else {
            let found = self.store.find(id, preview.lookup_filter()).await?;
            return Ok(preview.of_found(found));
        };
        let found = self.store.find(id.clone(), preview.row_filter()).await?;
        let seen = match asker.reach::<R, Read>() {
            Ok(reach) => self.store.find(id, reach.lookup_filter()).await?,
            Err(_) => Sealed::nothing(),
        };
        Ok(preview.of_record(found, asker, seen))
    }
}
