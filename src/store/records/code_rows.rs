//! Authorization codes as they are issued, stored and redeemed.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::used_jtis::OneTimeJwts;
use crate::authz::ScopeSet;
use crate::domain::{ClientId, Origin, SecretHash, SessionId, Thumbprint, UserId};
use crate::store::TokenSession;
use crate::store::engine::schema::authorization_codes as codes;

/// A code to issue.
pub(crate) struct NewCode {
    /// Hash of the code.
    pub(crate) hash: SecretHash,
    /// The client that may redeem it.
    pub(crate) client: ClientId,
    /// Browser session in which the user is signed in.
    pub(crate) parent: SessionId,
    /// The user who authorizes the client.
    pub(crate) user: UserId,
    /// Scopes for which the client is authorized.
    pub(crate) scope: ScopeSet,
    /// Parameters that the redemption must match.
    pub(crate) binding: CodeBinding,
    /// `nonce` of the ID token (OpenID Connect Core §2).
    pub(crate) nonce: Option<String>,
    /// Time of expiry.
    pub(crate) expires_at: DateTime<Utc>,
    /// Origin of the request.
    pub(crate) origin: Origin,
}

/// Parameters that the redemption of a code must match.
#[derive(Clone, Debug)]
pub(crate) struct CodeBinding {
    /// The redirect URI of the request (RFC 6749 §4.1.3).
    pub(crate) redirect_uri: String,
    /// S256 challenge of the verifier (RFC 7636 §4.2).
    pub(crate) code_challenge: String,
    /// Thumbprint of the key to which the tokens will be bound, if the request named one (RFC 9449 §10).
    pub(crate) dpop_jkt: Option<Thumbprint>,
    /// Resource that accepts the tokens, if the request named one (RFC 8707).
    pub(crate) resource: Option<String>,
}

/// The client and the parameters of a redemption.
pub(crate) struct CodeRedemption {
    /// The authenticated client.
    pub(crate) client: ClientId,
    /// Epoch of the client when it authenticated.
    pub(crate) client_epoch: i64,
    /// Scopes for which the client is registered.
    pub(crate) registered: ScopeSet,
    /// Thumbprint of the key in the DPoP proof (RFC 9449 §5).
    pub(crate) dpop_jkt: Option<Thumbprint>,
    /// JWTs that the grant uses up.
    pub(crate) one_time: OneTimeJwts,
    /// Hash of the first refresh token, if the client gets one.
    pub(crate) refresh: Option<SecretHash>,
    /// Set when the request is refused whatever its code. Reuse of the code is detected nevertheless.
    pub(crate) has_fault: bool,
    /// Origin of the request.
    pub(crate) origin: Origin,
}

/// Reason why a code is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeRefused {
    /// It does not exist, has expired, or belongs to another client.
    Unknown,
    /// The request has a fault of its own. The code stays valid.
    Fault,
    /// It was used before. The session that it began has ended.
    Replayed,
    /// The request does not match the binding of the code. The code is deleted.
    BindingMismatch,
    /// The user is not active or not signed in any more.
    SignedOut,
    /// The client was deleted or has a new epoch since it authenticated.
    ClientChanged,
}

/// A redeemed code.
pub(crate) struct RedeemedCode {
    /// The session that began.
    pub(crate) token_session: TokenSession,
    /// `nonce` of the authorization request, for the ID token.
    pub(crate) nonce: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = codes)]
pub(in crate::store) struct CodeRow {
    pub(in crate::store) user_id: UserId,
    pub(in crate::store) parent_id: SessionId,
    pub(in crate::store) redirect_uri: String,
    pub(in crate::store) scope: String,
    pub(in crate::store) code_challenge: String,
    pub(in crate::store) nonce: Option<String>,
    pub(in crate::store) resource: Option<String>,
    pub(in crate::store) dpop_jkt: Option<String>,
}

impl CodeRow {
    /// Returns the parameters that the redemption must match.
    pub(in crate::store) fn binding(&self) -> CodeBinding {
        CodeBinding {
            redirect_uri: self.redirect_uri.clone(),
            code_challenge: self.code_challenge.clone(),
            dpop_jkt: self.dpop_jkt.clone().map(Thumbprint::stored),
            resource: self.resource.clone(),
        }
    }
}
