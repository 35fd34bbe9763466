//! Sealed record: the form in which the store returns records.

use super::{RecordAttributes, RelationSet, Resource, ScopeSet, Vocabulary};
use crate::authz::evaluation::Ranked;
use crate::domain::Role;

/// Result of a lookup, found or not. A handler can pass it on, but cannot read it; only a
/// [`Caller`](super::Caller) opens it.
#[must_use = "a sealed record is unreadable until a caller opens it"]
pub struct Sealed<R: Resource>(Option<Found<R>>);

/// Record that a lookup found, with what a decision reads besides the record.
pub(super) struct Found<R> {
    pub(super) record: R,
    pub(super) relations: RelationSet,
    /// Roles of the record's owner, where the look-up read them: the kind of record does not hold them itself,
    /// and the caller is not the owner.
    pub(super) owner_roles: Option<Vec<Role>>,
}

impl<R: Resource> Found<R> {
    /// Returns a record of a kind that ranks itself, or that has no rank.
    pub(super) fn new(record: R, relations: RelationSet) -> Self {
        Self { record, relations, owner_roles: None }
    }

    pub(super) fn attributes(&self) -> RecordAttributes<'_> {
        RecordAttributes { owner: self.record.owner(), relations: self.relations, rank: Some(self) }
    }
}

impl<R: Resource> Ranked for Found<R> {
    fn powers(&self, vocabulary: &Vocabulary) -> ScopeSet {
        let of_owner = vocabulary.powers_of(self.owner_roles.as_deref().unwrap_or_default());
        Resource::powers(&self.record, vocabulary).union(&of_owner)
    }
}

impl<R: Resource> Sealed<R> {
    /// Seals the result of a lookup, for a kind of record without relations.
    pub(crate) fn new(found: Option<R>) -> Self {
        Self::with_relations(found.map(|record| (record, RelationSet::NONE)))
    }

    /// Seals the result of a lookup, with the roles of the record's owner, which rank the record.
    pub(crate) fn with_owner_roles(found: Option<(R, Option<Vec<Role>>)>) -> Self {
        Self(
            found.map(|(record, owner_roles)| Found { owner_roles, ..Found::new(record, RelationSet::NONE) }),
        )
    }

    /// Seals the result of a lookup, with the relations of the record to the caller.
    pub(crate) fn with_relations(found: Option<(R, RelationSet)>) -> Self {
        Self(found.map(|(record, relations)| Found::new(record, relations)))
    }

    /// Seals the absence of a record.
    pub(crate) fn nothing() -> Self {
        Self(None)
    }

    /// True when the lookup found the record.
    pub(crate) fn is_found(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the result of the lookup. For the decision and for explanations only.
    pub(super) fn into_found(self) -> Option<Found<R>> {
        self.0
    }

    /// Opens the record without a decision, to measure the cost of the decision.
    #[cfg(feature = "bench-limits")]
    pub(crate) fn open_unchecked(self) -> Option<R> {
        self.0.map(|found| found.record)
    }
}
