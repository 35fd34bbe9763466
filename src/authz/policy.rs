//! The policy: every action that exists and what it takes, one line each; and what each role
//! grants. An action without a line here does not compile.

use super::action::*;
use super::rule::{Can, OwnerFrom, Resource};
use super::scope::*;
use crate::domain::{Client, ClientId, Profile, Role, Session, SessionId, User, UserId};

macro_rules! policy {
    ($($resource:ident $action:ident: $own:expr, $any:expr $(, $flag:ident)?;)*) => {
        $(impl Can<$action> for $resource {
            const OWN: Option<Scope> = $own;
            const ANY: Scope = $any;
            $(const RANKED: bool = { stringify!($flag); true };)?
        })*
    };
}

// `not_above`: on somebody else's record, only when its owner has no power that the caller lacks.
policy! {
    // resource action       one's own               anyone's
    User    Create:       None,                   USERS_CREATE;
    User    List:         None,                   USERS_READ_ANY;
    User    Read:         Some(USERS_READ),       USERS_READ_ANY;
    User    Update:       Some(USERS_WRITE),      USERS_WRITE_ANY,     not_above;
    User    Delete:       Some(USERS_DELETE),     USERS_DELETE_ANY,    not_above;
    User    SetPassword:  Some(USERS_WRITE),      USERS_WRITE_ANY,     not_above;
    User    SetRoles:     None,                   ROLES_WRITE,         not_above;
    User    SetStatus:    None,                   USERS_WRITE_ANY,     not_above;
    User    ListSessions: Some(SESSIONS_READ),    SESSIONS_READ_ANY;
    User    EndSessions:  Some(SESSIONS_REVOKE),  SESSIONS_REVOKE_ANY, not_above;
    Session Delete:       Some(SESSIONS_REVOKE),  SESSIONS_REVOKE_ANY;
    Client  Create:       None,                   CLIENTS_WRITE;
    Client  List:         None,                   CLIENTS_READ;
    Client  Read:         None,                   CLIENTS_READ;
    Client  Update:       None,                   CLIENTS_WRITE;
    Client  Delete:       None,                   CLIENTS_WRITE;
    Profile Read:         Some(PROFILES_READ),    PROFILES_READ_ANY;
    Profile Update:       Some(PROFILES_WRITE),   PROFILES_WRITE_ANY;
}

/// What a role grants; a token never carries more than its user's roles do.
pub fn grants(role: Role) -> ScopeSet {
    match role {
        Role::Admin => Scope::ALL.iter().copied().collect(),
        Role::Support => [USERS_READ_ANY, PROFILES_READ_ANY, AUDIT_READ_ANY].into_iter().collect(),
        Role::User => Scope::ALL.iter().copied().filter(|scope| !scope.reaches_others()).collect(),
    }
}

/// What these roles grant together.
pub fn granted_by(roles: &[Role]) -> ScopeSet {
    roles.iter().flat_map(|role| grants(*role).iter().collect::<Vec<_>>()).collect()
}

/// The power over others that these roles give: what nobody may grant, take or overrule without
/// having it.
pub fn powers_of(roles: &[Role]) -> ScopeSet {
    granted_by(roles).powers()
}

impl Resource for User {
    type Id = UserId;
    const NAME: &'static str = "user";
    const OWNER: OwnerFrom = OwnerFrom::Url;

    fn owner(&self) -> Option<UserId> {
        Some(self.id)
    }

    fn owner_by_id(id: &UserId) -> Option<UserId> {
        Some(*id)
    }

    fn powers(&self) -> ScopeSet {
        powers_of(&self.roles)
    }
}

impl Resource for Profile {
    type Id = UserId;
    const NAME: &'static str = "profile";
    const OWNER: OwnerFrom = OwnerFrom::Url;

    fn owner(&self) -> Option<UserId> {
        Some(self.user_id)
    }

    fn owner_by_id(id: &UserId) -> Option<UserId> {
        Some(*id)
    }
}

impl Resource for Session {
    type Id = (UserId, SessionId);
    const NAME: &'static str = "session";
    const OWNER: OwnerFrom = OwnerFrom::Url;

    fn owner(&self) -> Option<UserId> {
        Some(self.user_id)
    }

    fn owner_by_id((owner, _): &(UserId, SessionId)) -> Option<UserId> {
        Some(*owner)
    }
}

impl Resource for Client {
    type Id = ClientId;
    const NAME: &'static str = "client";
    const OWNER: OwnerFrom = OwnerFrom::Nobody;

    fn owner(&self) -> Option<UserId> {
        None
    }
}
