//! Resource: what the policy knows of a kind of record.

use std::fmt::Display;

use super::{Member, OwnerFrom, Relation, ScopeSet, Vocabulary};
use crate::domain::{Role, UserId};

/// Kind of record that the policy protects.
///
/// See [`policy!`](crate::policy) for an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resource: it does not tell its owner",
    label = "write `impl Resource for {Self}`; its `fn owner` returns the record's owner"
)]
pub trait Resource: Sized + 'static {
    /// Identifier of one record, parsed from the URL.
    type Id: Clone + Display + Send + 'static;

    /// Name of the kind, in the matrix, the log and the audit trail.
    const NAME: &'static str;

    /// Source of the owner. [`OwnerFrom::Url`] requires [`Resource::owner_by_id`].
    const OWNER: OwnerFrom;

    /// Kind of record that this kind is a part of. Both have the same id, and the `_actions` of the
    /// whole include the actions on the part.
    const PART_OF: Option<&'static str> = None;

    /// Relations that a record can have, besides its owner. The policy names them; the store
    /// resolves them in this order.
    const RELATIONS: &'static [Relation] = &[];

    /// Members that have their own rule for reading or for writing.
    const MEMBERS: &'static [Member] = &[];

    /// Returns the record's id.
    fn id(&self) -> Self::Id;

    /// Returns the record's owner.
    fn owner(&self) -> Option<UserId>;

    /// Returns the owner if the id alone names them. The refusal then precedes the lookup, so that
    /// an id that exists and one that does not get the same answer.
    fn owner_by_id(_: &Self::Id) -> Option<UserId> {
        None
    }

    /// Returns the roles of the record's owner, if the record holds them. They are the source of the
    /// owner's powers over others.
    fn owner_roles(&self) -> &[Role] {
        &[]
    }

    /// Returns the powers over others that control of the record gives: by default its owner's. A
    /// `not_above` line requires all of them from the caller.
    fn powers(&self, vocabulary: &Vocabulary) -> ScopeSet {
        vocabulary.powers_of(self.owner_roles())
    }
}
