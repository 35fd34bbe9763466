//! Hypothetical caller: the subject of a preview.

use std::sync::Arc;

use crate::authz::{Caller, ScopeSet, Subject, Vocabulary};
use crate::domain::UserId;

/// Caller for whom a decision is previewed. It sends no request and opens no record.
#[derive(Clone, Debug)]
pub struct HypotheticalCaller(Caller);

impl HypotheticalCaller {
    /// Returns a hypothetical caller with these scopes.
    pub fn new(vocabulary: &Arc<Vocabulary>, subject: Subject, scope: ScopeSet) -> Self {
        Self(Caller::hypothetical(Arc::clone(vocabulary), subject, scope))
    }

    /// Returns this caller with no scope but these.
    pub(crate) fn restricted_to(&self, scope: &ScopeSet) -> Self {
        Self(self.0.restricted_to(scope))
    }

    /// Returns this caller with a user who authenticated too long ago for rules with `fresh`.
    pub(crate) fn stale(self) -> Self {
        Self(self.0.stale())
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.0
    }

    /// Returns the user's id, if the caller is a user.
    pub fn user_id(&self) -> Option<UserId> {
        self.0.user_id()
    }
}

impl From<&Caller> for HypotheticalCaller {
    fn from(caller: &Caller) -> Self {
        Self(caller.clone())
    }
}
