//! `_actions`: what this very caller may do to a record, and which members they may write, so that
//! a frontend shows the buttons that work.

use std::collections::BTreeMap;

use crate::authz::action::*;
use crate::authz::{Caller, Can};
use crate::domain::{Profile, ProfileClaim, User};

/// Each action that the caller may do, with the members that it may write.
pub type Actions = BTreeMap<&'static str, Vec<&'static str>>;

/// What `caller` may do to `user` and to what belongs to them.
pub fn actions_on(user: &User, caller: &Caller) -> Actions {
    let own = caller.user_id() == Some(user.id);
    let email = if caller.holds(<User as Can<Update>>::ANY) {
        vec!["email", "email_verified"]
    } else {
        vec!["email"]
    };
    let password = if own { vec!["current_password", "new_password"] } else { vec!["new_password"] };
    let profile = || ProfileClaim::ALL.iter().map(|claim| claim.as_str()).collect();
    [
        (Read::NAME, caller.may::<User, Read>(user), vec![]),
        (Update::NAME, caller.may::<User, Update>(user), email),
        (Delete::NAME, caller.may::<User, Delete>(user), vec![]),
        (SetPassword::NAME, caller.may::<User, SetPassword>(user), password),
        (SetRoles::NAME, caller.may::<User, SetRoles>(user), vec!["roles"]),
        (SetStatus::NAME, caller.may::<User, SetStatus>(user), vec!["status"]),
        (ListSessions::NAME, caller.may::<User, ListSessions>(user), vec![]),
        (EndSessions::NAME, caller.may::<User, EndSessions>(user), vec![]),
        ("read_profile", caller.may_by_id::<Profile, Read>(&user.id), vec![]),
        ("update_profile", caller.may_by_id::<Profile, Update>(&user.id), profile()),
    ]
    .into_iter()
    .filter(|(_, may, _)| *may)
    .map(|(name, _, members)| (name, members))
    .collect()
}
