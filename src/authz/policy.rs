//! Policy for cloakroom's own records: one table. Code that uses an action without a line here does
//! not compile.

use super::action::*;
use super::scope::*;
use super::{AuditTrail, Explanation, Member, OwnerFrom, Resource, Vocabulary};
use crate::domain::{
    Client, ClientId, Consent, ConsentOf, ListedUser, Profile, Role, Session, SessionOf, SigningKey, User,
    UserId,
};

crate::policy! {
    User {
        Create:        anyone(USERS_CREATE);
        List:          anyone(USERS_READ_ANY);
        Read:          owner(USERS_READ), anyone(USERS_READ_ANY);
        Update:        owner(USERS_WRITE), anyone(USERS_WRITE_ANY), not_above, fresh;
        VerifyEmail:   anyone(USERS_WRITE_ANY), not_above;
        SetExternalId: anyone(USERS_WRITE_ANY), not_above;
        SendVerification: owner(USERS_WRITE), anyone(USERS_WRITE_ANY), not_above;
        Invite:        anyone(USERS_CREATE), not_above;
        Delete:        owner(USERS_DELETE), anyone(USERS_DELETE_ANY), not_above, fresh;
        SetPassword:   owner(USERS_WRITE), anyone(USERS_WRITE_ANY), not_above, fresh;
        ProvePassword: owner(USERS_WRITE);
        SetRoles:      anyone(ROLES_WRITE), not_above, fresh;
        SetStatus:     anyone(USERS_WRITE_ANY), not_above, fresh;
        ListSessions:  owner(SESSIONS_READ), anyone(SESSIONS_READ_ANY);
        EndSessions:   owner(SESSIONS_REVOKE), anyone(SESSIONS_REVOKE_ANY), not_above;
        ListConsents:  owner(SESSIONS_READ), anyone(SESSIONS_READ_ANY);
        ReadClaims:    owner(OPENID);
        ReadAudit:     owner(AUDIT_READ), anyone(AUDIT_READ_ANY);
    }
    Session {
        Read:          owner(SESSIONS_READ), anyone(SESSIONS_READ_ANY);
        Delete:        owner(SESSIONS_REVOKE), anyone(SESSIONS_REVOKE_ANY), not_above;
    }
    Consent {
        Read:          owner(SESSIONS_READ), anyone(SESSIONS_READ_ANY);
        Delete:        owner(SESSIONS_REVOKE), anyone(SESSIONS_REVOKE_ANY), not_above;
    }
    Client {
        Create:        anyone(CLIENTS_WRITE), not_above, fresh;
        List:          anyone(CLIENTS_READ);
        Read:          anyone(CLIENTS_READ);
        Update:        anyone(CLIENTS_WRITE), not_above, fresh;
        RotateSecret:  anyone(CLIENTS_WRITE), not_above, fresh;
        Delete:        anyone(CLIENTS_WRITE), not_above, fresh;
    }
    SigningKey {
        List:          anyone(KEYS_ROTATE);
        Read:          anyone(KEYS_ROTATE);
        Rotate:        anyone(KEYS_ROTATE), fresh;
        Retire:        anyone(KEYS_ROTATE), fresh;
    }
    AuditTrail {
        List:          anyone(AUDIT_READ_ANY);
    }
    Explanation {
        Explain:       anyone(AUTHZ_EXPLAIN);
        Evaluate:      owner(AUTHZ_EVALUATE), anyone(AUTHZ_EXPLAIN);
    }
    Profile {
        Read:          owner(PROFILES_READ), anyone(PROFILES_READ_ANY);
        Update:        owner(PROFILES_WRITE), anyone(PROFILES_WRITE_ANY), not_above;
    }
}

/// Members of an account with rules of their own.
const USER_MEMBERS: [Member; 3] = [
    Member::new("email_verified").written_by::<User, VerifyEmail>(),
    Member::new("external_id").written_by::<User, SetExternalId>(),
    Member::new("current_password").written_by::<User, ProvePassword>(),
];

impl Resource for User {
    type Id = UserId;
    const NAME: &'static str = "user";
    const OWNER: OwnerFrom = OwnerFrom::Url;
    const MEMBERS: &'static [Member] = &USER_MEMBERS;

    fn id(&self) -> UserId {
        self.id
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.id)
    }

    fn owner_by_id(id: &UserId) -> Option<UserId> {
        Some(*id)
    }

    fn owner_roles(&self) -> &[Role] {
        &self.roles
    }
}

impl Resource for ListedUser {
    type Id = UserId;
    const NAME: &'static str = User::NAME;
    const OWNER: OwnerFrom = OwnerFrom::Url;
    const MEMBERS: &'static [Member] = &{
        let [email_verified, external_id, current_password] = USER_MEMBERS;
        let name = Member::new("name").read_by::<Profile, Read>();
        let picture = Member::new("picture").read_by::<Profile, Read>();
        [email_verified, external_id, current_password, name, picture]
    };

    fn id(&self) -> UserId {
        self.user.id
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.user.id)
    }

    fn owner_by_id(id: &UserId) -> Option<UserId> {
        Some(*id)
    }

    fn owner_roles(&self) -> &[Role] {
        &self.user.roles
    }
}

impl Resource for Profile {
    type Id = UserId;
    const NAME: &'static str = "profile";
    const OWNER: OwnerFrom = OwnerFrom::Url;
    const PART_OF: Option<&'static str> = Some("user");

    fn id(&self) -> UserId {
        self.user_id
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.user_id)
    }

    fn owner_by_id(id: &UserId) -> Option<UserId> {
        Some(*id)
    }
}

impl Resource for Session {
    type Id = SessionOf;
    const NAME: &'static str = "session";
    const OWNER: OwnerFrom = OwnerFrom::Url;

    fn id(&self) -> SessionOf {
        SessionOf { user: self.user_id, session: self.id }
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.user_id)
    }

    fn owner_by_id(id: &SessionOf) -> Option<UserId> {
        Some(id.user)
    }
}

impl Resource for Consent {
    type Id = ConsentOf;
    const NAME: &'static str = "consent";
    const OWNER: OwnerFrom = OwnerFrom::Url;

    fn id(&self) -> ConsentOf {
        ConsentOf { user: self.user_id, client: self.client_id.clone() }
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.user_id)
    }

    fn owner_by_id(id: &ConsentOf) -> Option<UserId> {
        Some(id.user)
    }
}

impl Resource for Client {
    type Id = ClientId;
    const NAME: &'static str = "client";
    const OWNER: OwnerFrom = OwnerFrom::Nobody;

    fn id(&self) -> ClientId {
        self.id.clone()
    }

    fn owner(&self) -> Option<UserId> {
        None
    }

    /// A caller who controls the secret, the keys or the redirect URIs has every scope of the client. A first-party
    /// application acts for each user who opens it, without asking, so it is the administrators' alone.
    fn powers(&self, vocabulary: &Vocabulary) -> ScopeSet {
        match self.first_party && !fault!(first_party_is_no_power) {
            true => vocabulary.powers_of(&[Role::ADMIN]),
            false => vocabulary.scopes_in(&self.scope.join(" ")).powers(),
        }
    }
}

impl Resource for SigningKey {
    type Id = String;
    const NAME: &'static str = "signing_key";
    const OWNER: OwnerFrom = OwnerFrom::Nobody;

    fn id(&self) -> String {
        self.kid.clone()
    }

    fn owner(&self) -> Option<UserId> {
        None
    }
}
