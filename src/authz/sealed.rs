//! Sealed record: the form in which the store returns records.

use super::{RelationSet, Resource};

/// Result of a lookup, found or not. A handler can pass it on, but cannot read it; only a
/// [`Caller`](super::Caller) opens it.
#[must_use = "a sealed record is unreadable until a caller opens it"]
pub struct Sealed<R: Resource>(Option<(R, RelationSet)>);

impl<R: Resource> Sealed<R> {
    /// Seals the result of a lookup, for a kind of record without relations.
    pub(crate) fn new(found: Option<R>) -> Self {
        Self(found.map(|record| (record, RelationSet::NONE)))
    }

    /// Seals the result of a lookup, with the relations of the record to the caller.
    pub(crate) fn with_relations(found: Option<(R, RelationSet)>) -> Self {
        Self(found)
    }

    /// Seals the absence of a record.
    pub(crate) fn nothing() -> Self {
        Self(None)
    }

    /// Returns the result of the lookup. For the decision and for explanations only.
    pub(super) fn into_found(self) -> Option<(R, RelationSet)> {
        self.0
    }

    /// Opens the record without a decision, to measure the cost of the decision.
    #[cfg(feature = "bench-limits")]
    pub(crate) fn open_unchecked(self) -> Option<R> {
        self.0.map(|(record, _)| record)
    }
}
