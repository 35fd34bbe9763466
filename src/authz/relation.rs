//! Relations of a record to the caller, and its states. The store resolves them in the query that
//! reads the record, so that it loads nothing that the caller may not see.

/// Relation of a record to the caller (shared with the caller, belongs to the caller's
/// organisation), or a state of the record (draft).
///
/// ```
/// use cloakroom::authz::Relation;
/// const EDITOR: Relation = Relation::to_caller("editor");
/// const DRAFT: Relation = Relation::state("draft");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relation {
    name: &'static str,
    personal: bool,
}

impl Relation {
    /// Relation between the record and the calling user. A client has none.
    pub const fn to_caller(name: &'static str) -> Self {
        Self { name, personal: true }
    }

    /// State of the record, the same for every caller.
    pub const fn state(name: &'static str) -> Self {
        Self { name, personal: false }
    }

    /// Returns the name in the matrix and the log.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// True for a relation to a user, false for a state.
    pub fn is_personal(self) -> bool {
        self.personal
    }
}

/// Set of a resource's relations, by their positions in
/// [`Resource::RELATIONS`](super::Resource::RELATIONS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelationSet(u32);

impl RelationSet {
    /// Empty set.
    pub const NONE: RelationSet = RelationSet(0);

    /// Returns the set of the relations whose flag is true. The flags are in the order of
    /// [`Resource::RELATIONS`](super::Resource::RELATIONS); at most 32 count.
    pub fn of(flags: impl IntoIterator<Item = bool>) -> Self {
        let bits = flags.into_iter().take(32).zip(0_u32..);
        Self(bits.filter(|(flag, _)| *flag).fold(0, |set, (_, index)| set | 1 << index))
    }

    /// True when the relation at this position is in the set.
    pub fn at(self, index: usize) -> bool {
        u32::try_from(index).is_ok_and(|index| index < 32 && self.0 & (1 << index) != 0)
    }

    /// True when `relation`, one of `relations`, is in the set.
    pub fn includes(self, relations: &[Relation], relation: Relation) -> bool {
        relations.iter().position(|known| *known == relation).is_some_and(|index| self.at(index))
    }
}
