//! Rule: a line of the policy as a value.

use super::{Condition, Relation, Scope};

/// Line of the policy as a value, for the decision, the matrix, the log and the OpenAPI document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Kind of record.
    pub resource: &'static str,
    /// Kind of record that this kind is a part of.
    pub part_of: Option<&'static str>,
    /// Name of the action.
    pub action: &'static str,
    /// Set when the action changes the record.
    pub changes: bool,
    /// Condition under which the action is permitted.
    pub condition: Condition,
    /// Source of the owner.
    pub owner_from: OwnerFrom,
    pub(super) relations: &'static [Relation],
}

impl Rule {
    /// Returns the relations that this kind of record has.
    pub fn relations(&self) -> &'static [Relation] {
        self.relations
    }

    /// Returns the weakest scope that can satisfy the rule.
    pub fn weakest_scope(&self) -> Option<Scope> {
        self.condition.scopes().next()
    }
}

/// Source of a record's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OwnerFrom {
    /// The URL. A refusal precedes every lookup.
    Url,
    /// The body of the request. A refusal precedes every lookup.
    Body,
    /// The record. A record that the caller may not see answers like one that does not exist.
    Record,
    /// Records of this kind have no owner.
    Nobody,
}
