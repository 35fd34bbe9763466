//! What a kind of record says of itself: its name, its id, whose it is.

use std::fmt::Display;

use super::member::Member;
use super::relation::Relation;
use super::roles::Vocabulary;
use super::scope::ScopeSet;
use crate::domain::{Role, UserId};

/// A kind of record that somebody may own.
///
/// See [`policy!`](crate::policy) for an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no resource: nothing says whose it is",
    label = "write `impl Resource for {Self}`, where `fn owner` says whose record it is"
)]
pub trait Resource: Sized + 'static {
    /// What names one record; parsed from the URL.
    type Id: Clone + Display + Send + 'static;

    /// The name by which the matrix, the log and the audit trail know the kind.
    const NAME: &'static str;

    /// Where the owner is read from. With [`OwnerFrom::Url`], [`Resource::owner_by_id`] must say.
    const OWNER: OwnerFrom;

    /// The kind of record that it is part of, with the same id: its actions are then among that
    /// record's `_actions`.
    const PART_OF: Option<&'static str> = None;

    /// What, besides its owner's, a record can be to a caller. The policy names them; the store
    /// resolves them in this order.
    const RELATIONS: &'static [Relation] = &[];

    /// The members that not everybody who reads or writes the record may read or write.
    const MEMBERS: &'static [Member] = &[];

    /// What names this record.
    fn id(&self) -> Self::Id;

    /// Whose record this is.
    fn owner(&self) -> Option<UserId>;

    /// Whose record the id names, where the id alone says so: the refusal then comes before any
    /// lookup, the same for an id that exists and one that does not.
    fn owner_by_id(_: &Self::Id) -> Option<UserId> {
        None
    }

    /// The roles of the record's owner, where the record says them: what gives them power over
    /// others.
    fn owner_roles(&self) -> &[Role] {
        &[]
    }

    /// The power over others that the record is worth to who has it in hand: that of its owner,
    /// unless it has one of its own. What is `not_above` takes all of it.
    fn powers(&self, vocabulary: &Vocabulary) -> ScopeSet {
        vocabulary.powers_of(self.owner_roles())
    }
}

/// A record, as far as its rank goes. Worked out only where a rule asks for it.
pub(crate) trait Ranked {
    /// As [`Resource::powers`].
    fn powers(&self, vocabulary: &Vocabulary) -> ScopeSet;
}

impl<R: Resource> Ranked for R {
    fn powers(&self, vocabulary: &Vocabulary) -> ScopeSet {
        Resource::powers(self, vocabulary)
    }
}

/// Where the owner of the record is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OwnerFrom {
    /// From the URL: a refusal comes before any lookup.
    Url,
    /// From the record: one that the caller may not see answers like one that is not there.
    Record,
    /// Nobody owns records of the kind.
    Nobody,
}
