//! Members with rules of their own: who may read one, who may write one.

use super::action::Action;
use super::rule::Rule;
use super::who::Can;

/// A member that not everybody who may read the record reads, or who may change it writes. Who
/// may is said by an action of its own, which has its line in the policy like every other.
///
/// Answers leave a member out for those who may not read it, lists are neither filtered nor sorted
/// by it for them, bodies that hold it without the right are refused as `read-only`, and `_actions`
/// names it for those who may write it.
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
///     /// Read and write what moderators say of a note.
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
    /// The member of this name.
    pub const fn new(name: &'static str) -> Self {
        Self { name, read: None, write: None }
    }

    /// Only those who may do `A` to the record read it.
    pub const fn read_by<R: Can<A>, A: Action>(self) -> Self {
        Self { read: Some(Rule::of::<R, A>()), ..self }
    }

    /// Only those who may do `A` to the record write it.
    pub const fn written_by<R: Can<A>, A: Action>(self) -> Self {
        Self { write: Some(Rule::of::<R, A>()), ..self }
    }

    /// The member's name in JSON.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Who reads it; everybody who reads the record when there is no rule.
    pub fn read_rule(&self) -> Option<&'static Rule> {
        self.read
    }

    /// Who writes it; everybody who may change the record when there is no rule.
    pub fn write_rule(&self) -> Option<&'static Rule> {
        self.write
    }
}
