//! Relations: what, besides owning it, a record can be to a caller. The store resolves them in the
//! query that reads the record, so that nothing is loaded that may not be seen.

/// A relation of a record: to the caller (it is shared with them, it belongs to their
/// organisation), or a state of its own (it is a draft).
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
    /// Between the record and the user who calls; a client has none.
    pub const fn to_caller(name: &'static str) -> Self {
        Self { name, personal: true }
    }

    /// Of the record alone, whoever calls.
    pub const fn state(name: &'static str) -> Self {
        Self { name, personal: false }
    }

    /// The name by which the matrix and the log know it.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Whether it is between the record and a user.
    pub fn is_personal(self) -> bool {
        self.personal
    }
}

/// Which of a resource's relations hold, by their places in
/// [`Resource::RELATIONS`](super::Resource::RELATIONS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelationSet(u32);

impl RelationSet {
    /// None.
    pub const NONE: RelationSet = RelationSet(0);

    /// Those of which `holds` says so, in the order of
    /// [`Resource::RELATIONS`](super::Resource::RELATIONS); 32 at the most.
    pub fn of(holds: impl IntoIterator<Item = bool>) -> Self {
        let bits = holds.into_iter().take(32).zip(0_u32..);
        Self(bits.filter(|(holds, _)| *holds).fold(0, |held, (_, place)| held | 1 << place))
    }

    /// Whether the relation at this place holds.
    pub fn at(self, place: usize) -> bool {
        u32::try_from(place).is_ok_and(|place| place < 32 && self.0 & (1 << place) != 0)
    }

    /// Whether `relation`, one of `relations`, holds.
    pub fn includes(self, relations: &[Relation], relation: Relation) -> bool {
        relations.iter().position(|known| *known == relation).is_some_and(|place| self.at(place))
    }
}
