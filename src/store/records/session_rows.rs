//! Rows of `sessions`.

use diesel::prelude::*;

use crate::authz::Resource as _;
use crate::authz::{Actor, AuditEvent, Outcome, ScopeSet};
use crate::domain::{ClientId, Network, Role, SecretHash, Session, SessionId, Thumbprint, Time, UserId};
use crate::store::engine::schema::sessions;

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sessions, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(in crate::store) struct SessionRow {
    id: SessionId,
    user_id: UserId,
    device: Option<String>,
    address: Option<String>,
    created_at: Time,
    last_used_at: Time,
    expires_at: Time,
    client_id: Option<String>,
    parent_id: Option<SessionId>,
    auth_time: Time,
    scope: Option<String>,
    resource: Option<String>,
    dpop_jkt: Option<String>,
    cookie_hash: Option<Vec<u8>>,
    /// Network of the address, in which the user is known from now on.
    network: Option<String>,
    is_persistent: bool,
}

/// A session in which tokens are issued, and the current state of its user, which they carry.
#[derive(Clone)]
pub(crate) struct TokenSession {
    /// The session.
    pub(crate) session: Session,
    /// The user's roles.
    pub(crate) roles: Vec<Role>,
    /// The epoch in which the tokens are issued.
    pub(crate) epoch: i64,
    /// The epoch of the client, which its authentication read. None for this server's own client.
    pub(crate) client_epoch: Option<i64>,
    /// Scopes that the tokens may carry.
    pub(crate) scope: ScopeSet,
    /// Resource that accepts the tokens (RFC 8707); `None` is this server.
    pub(crate) resource: Option<String>,
    /// Thumbprint of the key to which the tokens are bound (RFC 9449 §6).
    pub(crate) dpop_jkt: Option<Thumbprint>,
}

/// The part of a session that its representation does not show.
#[derive(Clone, Default)]
pub(in crate::store) struct SessionBinding {
    /// Browser session in which the user authorized the client.
    pub(in crate::store) parent: Option<SessionId>,
    /// Names of the scopes that its tokens may carry.
    pub(in crate::store) scope: Option<String>,
    /// Resource that accepts its tokens (RFC 8707); `None` is this server.
    pub(in crate::store) resource: Option<String>,
    /// Thumbprint of the key to which its tokens are bound (RFC 9449 §6).
    pub(in crate::store) dpop_jkt: Option<Thumbprint>,
    /// Cookie that identifies a browser session.
    pub(in crate::store) cookie: Option<SessionCookie>,
}

/// Cookie of a browser session.
#[derive(Clone)]
pub(crate) struct SessionCookie {
    /// Hash of its secret.
    pub(crate) hash: SecretHash,
    /// Set when it outlives the browser.
    pub(crate) is_persistent: bool,
}

impl SessionRow {
    pub(in crate::store) fn new(session: &Session, binding: SessionBinding) -> Self {
        let address = session.address.as_deref().and_then(|address| address.parse().ok());
        Self {
            id: session.id,
            user_id: session.user_id,
            device: session.device.clone(),
            address: session.address.clone(),
            created_at: Time(session.created_at),
            last_used_at: Time(session.last_used_at),
            expires_at: Time(session.expires_at),
            client_id: session.client_id.as_ref().map(ToString::to_string),
            parent_id: binding.parent,
            auth_time: Time(session.auth_time),
            scope: binding.scope,
            resource: binding.resource,
            dpop_jkt: binding.dpop_jkt.map(|jkt| jkt.to_string()),
            is_persistent: binding.cookie.as_ref().is_some_and(|cookie| cookie.is_persistent),
            cookie_hash: binding.cookie.map(|cookie| cookie.hash.as_bytes().to_vec()),
            network: address.map(|address| Network::of(address).to_string()),
        }
    }

    /// Returns the session and its binding.
    pub(in crate::store) fn read(self) -> (Session, SessionBinding) {
        let session = Session {
            id: self.id,
            user_id: self.user_id,
            client_id: self.client_id.map(ClientId::stored),
            device: self.device,
            address: self.address,
            created_at: self.created_at.0,
            auth_time: self.auth_time.0,
            last_used_at: self.last_used_at.0,
            expires_at: self.expires_at.0,
        };
        let (parent, scope, resource, dpop_jkt) =
            (self.parent_id, self.scope, self.resource, self.dpop_jkt.map(Thumbprint::stored));
        let (hash, is_persistent) =
            (self.cookie_hash.and_then(|hash| hash.try_into().ok()), self.is_persistent);
        let cookie = hash.map(|hash| SessionCookie { hash: SecretHash::from_bytes(hash), is_persistent });
        (session, SessionBinding { parent, scope, resource, dpop_jkt, cookie })
    }
}

/// Returns the audit event of an action on a session whose actor has no access token of its user.
pub(in crate::store) fn session_event(
    session: &Session,
    action: &'static str,
    by: Actor,
    outcome: Outcome,
) -> AuditEvent {
    AuditEvent {
        by,
        action,
        resource: Session::NAME,
        record: Some(session.id.to_string()),
        owner: Some(session.user_id),
        outcome,
    }
}
