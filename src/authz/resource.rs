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

/// Implements [`Resource`](crate::authz::Resource) for a kind of record with an owner: its name, its id, and the member
/// that has the owner.
///
/// With `id: OwnedId<CoatId>` the records are below their owner, whom the URL names (`/users/{id}/coats/{coat}`).
/// Otherwise the record alone tells the owner. `relations` and `members` are
/// [`RELATIONS`](crate::authz::Resource::RELATIONS) and [`MEMBERS`](crate::authz::Resource::MEMBERS).
///
/// ```
/// use cloakroom::{authz::{OwnerFrom, Resource}, domain::UserId};
/// cloakroom::uuid_id! {
///     /// A coat's id.
///     pub struct CoatId in "coat";
/// }
///
/// struct Coat { id: CoatId, owner_id: UserId }
///
/// cloakroom::resource! {
///     Coat = "coat" {
///         id: OwnedId<CoatId>;
///         owner: owner_id;
///     }
/// }
/// assert_eq!(Coat::OWNER, OwnerFrom::Url);
/// ```
#[macro_export]
macro_rules! resource {
    ($record:ident = $name:literal {
        id: OwnedId<$id:ident>;
        owner: $owner:ident;
        $(relations: $relations:expr;)?
        $(members: $members:expr;)?
    }) => {
        impl $crate::authz::Resource for $record {
            type Id = $crate::domain::OwnedId<$id>;
            const NAME: &'static str = $name;
            const OWNER: $crate::authz::OwnerFrom = $crate::authz::OwnerFrom::Url;
            $(const RELATIONS: &'static [$crate::authz::Relation] = &$relations;)?
            $(const MEMBERS: &'static [$crate::authz::Member] = &$members;)?

            fn id(&self) -> Self::Id {
                $crate::domain::OwnedId { user: self.$owner, id: self.id }
            }

            fn owner(&self) -> Option<$crate::domain::UserId> {
                Some(self.$owner)
            }

            fn owner_by_id(id: &Self::Id) -> Option<$crate::domain::UserId> {
                Some(id.user)
            }
        }
    };
    ($record:ident = $name:literal {
        id: $id:ident;
        owner: $owner:ident;
        $(relations: $relations:expr;)?
        $(members: $members:expr;)?
    }) => {
        impl $crate::authz::Resource for $record {
            type Id = $id;
            const NAME: &'static str = $name;
            const OWNER: $crate::authz::OwnerFrom = $crate::authz::OwnerFrom::Record;
            $(const RELATIONS: &'static [$crate::authz::Relation] = &$relations;)?
            $(const MEMBERS: &'static [$crate::authz::Member] = &$members;)?

            fn id(&self) -> $id {
                self.id
            }

            fn owner(&self) -> Option<$crate::domain::UserId> {
                Some(self.$owner)
            }
        }
    };
}
