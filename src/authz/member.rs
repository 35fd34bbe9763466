//! Members with a policy of their own: who may read a member, and who may write it.

use super::Rule;

/// Member of a record that has its own rule for reading, for writing, or for both. Each rule comes
/// from an action, which has its line in the policy like every other action.
///
/// - Answers leave the member out for callers who may not read it.
/// - Lists neither filter nor sort by the member for those callers.
/// - Bodies that hold the member without the right to write it are refused as `read-only`, and the store refuses
///   an update that changes it.
/// - `_actions` names the member for callers who may write it.
///
/// ```
/// use cloakroom::authz::{Member, action::{Read, Update}};
/// # use cloakroom::authz::{OwnerFrom, Resource, Scope};
/// # use cloakroom::domain::UserId;
/// # const ANY: Scope = Scope::new("notes:moderate", "Moderate notes").administrative();
/// # struct Note { owner: UserId }
/// # impl Resource for Note {
/// #     type Id = u64;
/// #     const NAME: &'static str = "note";
/// #     const OWNER: OwnerFrom = OwnerFrom::Record;
/// #     fn id(&self) -> u64 { 7 }
/// #     fn owner(&self) -> Option<UserId> { Some(self.owner) }
/// # }
/// cloakroom::actions! {
///     /// Read and write a note's verdict, as a moderator.
///     pub Moderate = "moderate", changes;
/// }
/// # cloakroom::policy! { Note { Moderate: anyone(ANY); } }
/// const MEMBERS: &[Member] = &[Member::new("verdict").read_by::<Note, Moderate>().written_by::<Note, Moderate>()];
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Member {
    name: &'static str,
    read: Option<&'static Rule>,
    write: Option<&'static Rule>,
}

impl Member {
    /// Names a member, so far without a rule.
    pub const fn new(name: &'static str) -> Self {
        Self { name, read: None, write: None }
    }

    pub(super) const fn with_read_rule(self, rule: &'static Rule) -> Self {
        Self { read: Some(rule), ..self }
    }

    pub(super) const fn with_write_rule(self, rule: &'static Rule) -> Self {
        Self { write: Some(rule), ..self }
    }

    /// True when a rule restricts reading the member.
    pub const fn has_read_rule(&self) -> bool {
        self.read.is_some()
    }

    /// Returns the member's name in JSON.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the rule for reading. Without one, every reader of the record reads the member.
    pub fn read_rule(&self) -> Option<&'static Rule> {
        self.read
    }

    /// Returns the rule for writing. Without one, every caller who may change the record writes it.
    pub fn write_rule(&self) -> Option<&'static Rule> {
        self.write
    }
}
