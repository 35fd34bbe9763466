//! The trait behind the policy: `Can<A>` states who may perform action `A` on a kind of record.

use super::action::Action;
use super::{Condition, Member, Resource, Rule};

/// A kind of record for which the policy has a line for action `A`. Implemented with
/// [`policy!`](crate::policy).
#[diagnostic::on_unimplemented(
    message = "the policy has no line for action `{A}` on `{Self}`",
    label = "write `policy! {{ {Self} {{ {A}: owner(SCOPE), anyone(SCOPE_ANY); }} }}`"
)]
pub trait Can<A: Action>: Resource {
    /// Condition under which the action is permitted.
    const CONDITION: Condition;
}

impl Rule {
    /// Returns the rule for `A` on `R`.
    pub const fn of<R: Can<A>, A: Action>() -> &'static Self {
        const {
            &Self {
                resource: R::NAME,
                part_of: R::PART_OF,
                action: A::NAME,
                changes: A::CHANGES,
                condition: R::CONDITION,
                owner_from: R::OWNER,
                relations: R::RELATIONS,
            }
        }
    }
}

impl Member {
    /// Restricts reading the member to callers who may do `A` to the record.
    pub const fn read_by<R: Can<A>, A: Action>(self) -> Self {
        self.with_read_rule(Rule::of::<R, A>())
    }

    /// Restricts writing the member to callers who may do `A` to the record.
    pub const fn written_by<R: Can<A>, A: Action>(self) -> Self {
        self.with_write_rule(Rule::of::<R, A>())
    }
}

/// Declares the policy: a block for each kind of record, and in it a line for each action. A line
/// lists the clauses and restrictions of its [`Condition`], by the names of that type's functions.
/// `.only_while(STATE)` behind a clause restricts this clause alone. An action without a line is permitted to no
/// caller.
///
/// ```
/// use cloakroom::authz::{OwnerFrom, Resource, action::{Read, Update}};
/// use cloakroom::domain::UserId;
///
/// cloakroom::scopes! {
///     pub SCOPES:
///     COATS_READ = "coats:read", "See your coats";
///     COATS_WRITE = "coats:write", "Change your coats";
///     COATS_READ_ANY = "coats:read:any", "See everyone's coats";
/// }
///
/// struct Coat { owner: UserId }
///
/// impl Resource for Coat {
///     type Id = u64;
///     const NAME: &'static str = "coat";
///     const OWNER: OwnerFrom = OwnerFrom::Record;
///     fn id(&self) -> u64 { 7 }
///     fn owner(&self) -> Option<UserId> { Some(self.owner) }
/// }
///
/// cloakroom::policy! {
///     Coat {
///         Read:   owner(COATS_READ), anyone(COATS_READ_ANY);
///         Update: owner(COATS_WRITE);
///     }
/// }
/// ```
#[macro_export]
macro_rules! policy {
    ($($resource:path { $($action:path: $($clause:ident $(($($given:expr),+))? $(.only_while($state:expr))?),+;)+ })+) => {
        $($(
            impl $crate::authz::Can<$action> for $resource {
                const CONDITION: $crate::authz::Condition =
                    $crate::authz::Condition::NEVER$(.$clause($($($given),+)?)$(.last_only_while($state))?)+;
            }
        )+)+
    };
}
