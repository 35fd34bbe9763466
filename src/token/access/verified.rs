//! Results of token verification.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::claims::Claims;
use crate::authz::{Caller, ScopeSet, Subject, TokenSubject};
use crate::domain::{AccountState, ExternalUser, LinkedUser, Role, Status, Thumbprint, UserId};
use crate::token::{InvalidProof, InvalidToken, Proof};

/// Result of verifying a token whose signature and claims are valid.
#[derive(Clone, Debug)]
pub enum Verification {
    /// The token needs no further check.
    Verified(Verified),
    /// The token is bound to a key. The client must prove that it holds the key.
    Bound(BoundToken),
    /// A user's token that was issued elsewhere with a shared key. It has no epoch or no roles, so the
    /// user must be looked up.
    Unconfirmed(UnconfirmedToken),
    /// A token of an external issuer's user. The linked account is not cached and must be looked up.
    External(ExternalToken),
}

/// A verified token and its caller. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Verified(Arc<VerifiedToken>);

#[derive(Debug)]
struct VerifiedToken {
    caller: Caller,
    expires_at: DateTime<Utc>,
}

/// A valid token that is bound to a key (RFC 9449 §6).
#[derive(Clone, Debug)]
pub struct BoundToken {
    verified: Verified,
    key: Thumbprint,
}

/// A token with valid signature and claims, whose user must be looked up.
#[derive(Clone, Debug)]
pub struct UnconfirmedToken {
    claims: Arc<Claims>,
    user: UserId,
}

/// A token of an external issuer with valid signature and claims, whose linked account must be looked up.
#[derive(Clone, Debug)]
pub struct ExternalToken {
    claims: Arc<Claims>,
    user: Arc<ExternalUser>,
    /// Sequence number of [`Revocations`](crate::token::Revocations) before the look-up.
    pub(in crate::token) sequence: u64,
}

impl Verification {
    pub(in crate::token) fn of(claims: Claims) -> Result<Self, InvalidToken> {
        let subject = match (&claims.revocable.subject, claims.revocable.epoch, &claims.roles) {
            (TokenSubject::External(external), ..) => {
                let external = Arc::clone(external);
                return Ok(Self::External(ExternalToken {
                    claims: Arc::new(claims),
                    user: external,
                    sequence: 0,
                }));
            }
            (TokenSubject::Client(id), ..) => Subject::Client { id: id.clone() },
            (TokenSubject::User(id), Some(_), Some(roles)) => user(*id, roles),
            // Only this server binds tokens to keys, and its own tokens have epoch and roles.
            (TokenSubject::User(_), ..) if claims.bound_to.is_some() => return Err(InvalidToken::Bound),
            (TokenSubject::User(id), ..) => {
                let user = *id;
                return Ok(Self::Unconfirmed(UnconfirmedToken { claims: Arc::new(claims), user }));
            }
        };
        let verified = Verified::of(subject, claims.scope.clone(), &claims);
        Ok(match claims.bound_to {
            Some(key) if !fault!(bound_as_bearer) => Self::Bound(BoundToken { verified, key }),
            _ => Self::Verified(verified),
        })
    }
}

fn user(id: UserId, roles: &[Role]) -> Subject {
    Subject::User { id, roles: roles.to_vec() }
}

impl Verified {
    #[expect(clippy::disallowed_methods, reason = "this is token verification")]
    fn of(subject: Subject, scope: ScopeSet, claims: &Claims) -> Self {
        let caller = Caller::verified(
            Arc::clone(&claims.vocabulary),
            subject,
            scope,
            claims.revocable.clone(),
            claims.token.clone(),
            claims.authenticated_at,
        );
        Self(Arc::new(VerifiedToken { caller, expires_at: claims.expires_at() }))
    }

    /// Returns the caller.
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// Returns `exp`.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }
}

impl BoundToken {
    /// Returns the thumbprint of the key that it is bound to.
    pub fn key(&self) -> &Thumbprint {
        &self.key
    }

    /// Returns the verified token when the proof is of the right key.
    ///
    /// # Errors
    /// [`InvalidProof::AnotherKey`] when the proof is of another key.
    pub(crate) fn prove(&self, proof: &Proof) -> Result<Verified, InvalidProof> {
        if proof.key == self.key { Ok(self.verified.clone()) } else { Err(InvalidProof::AnotherKey) }
    }

    /// Returns the token without proof of the key, for introspection alone.
    pub(in crate::token) fn unproved(&self) -> &Verified {
        &self.verified
    }
}

impl UnconfirmedToken {
    /// Returns the user to look up.
    pub fn user_id(&self) -> UserId {
        self.user
    }

    /// Returns the verified token, given the present account state; none when there is no such user. The
    /// state must be looked up for every request.
    ///
    /// # Errors
    /// When the user does not exist or is suspended, or the token is not newer than the last change of
    /// their password, roles or status.
    pub(crate) fn confirm(&self, state: Option<&AccountState>) -> Result<Verified, InvalidToken> {
        let state = state.ok_or(InvalidToken::NoSuchUser)?;
        check(&self.claims, state)?;
        let scope = self.claims.scope.clone();
        Ok(Verified::of(user(self.user, &state.roles), scope, &self.claims))
    }
}

impl ExternalToken {
    pub(in crate::token) fn looked_up_after(&self, sequence: u64) -> Self {
        Self { sequence, ..self.clone() }
    }

    /// Returns the external user to look up. An account is created when there is none and the settings of
    /// the issuer allow it.
    pub fn user(&self) -> &Arc<ExternalUser> {
        &self.user
    }

    /// Returns the verified token, given the linked account. Its scopes are limited to those that the
    /// account's roles grant.
    pub(in crate::token) fn confirm(&self, linked: &LinkedUser) -> Result<Verified, InvalidToken> {
        if linked.departed_at.is_some_and(|at| !self.claims.issued_after(at)) {
            return Err(InvalidToken::NoSuchUser);
        }
        check(&self.claims, &linked.state)?;
        let roles = &linked.state.roles;
        let scope = self.claims.scope.intersection(&self.claims.vocabulary.granted_by(roles));
        Ok(Verified::of(user(linked.user, roles), scope, &self.claims))
    }
}

/// Checks that the account is active and that the token is newer than its last change.
fn check(claims: &Claims, state: &AccountState) -> Result<(), InvalidToken> {
    if state.status == Status::Suspended {
        return Err(InvalidToken::Suspended);
    }
    if state.epoch_began_at.is_some_and(|began| !claims.issued_after(began)) {
        return Err(InvalidToken::Superseded);
    }
    Ok(())
}
