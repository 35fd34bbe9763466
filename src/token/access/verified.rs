//! What verification gives.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::claims::Claims;
use super::revocation::Speaker;
use crate::authz::{Caller, ScopeSet, Subject};
use crate::domain::{AccountState, Newcomer, Resident, Role, Status, Thumbprint, UserId};
use crate::token::client_auth::dpop::{InvalidProof, Proof};
use crate::token::invalid::InvalidToken;

/// An acceptable token.
#[derive(Clone, Debug)]
pub enum Ticket {
    /// It says all that is needed.
    Complete(Verified),
    /// It says all that is needed, and is bound to a key: whoever sends it must prove to have it.
    Bound(Bound),
    /// A user's, minted elsewhere with a shared key: it names no epoch or no roles, so the user
    /// must be looked up before it is worth anything.
    Unconfirmed(Unconfirmed),
    /// Another issuer's user, of whom it is not known, or not known any more, who they are here.
    Stranger(Stranger),
}

/// An acceptable token and the caller it speaks for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Verified(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    caller: Caller,
    expires_at: DateTime<Utc>,
}

/// A token that is good in the hands of whoever has a key (RFC 9449 §6).
#[derive(Clone, Debug)]
pub struct Bound {
    verified: Verified,
    key: Thumbprint,
}

/// A token whose signature and claims hold, of a user who is not yet known to exist.
#[derive(Clone, Debug)]
pub struct Unconfirmed {
    claims: Arc<Claims>,
    user: UserId,
}

/// A token of another issuer whose signature and claims hold. Whom it speaks for must be looked up.
#[derive(Clone, Debug)]
pub struct Stranger {
    claims: Arc<Claims>,
    newcomer: Arc<Newcomer>,
    /// A mark of [`Revocations`](crate::token::Revocations) of before they are looked up.
    pub(in crate::token) mark: u64,
}

impl Ticket {
    pub(in crate::token) fn of(claims: Claims) -> Result<Self, InvalidToken> {
        let subject = match (&claims.bearer.speaker, claims.bearer.epoch, &claims.roles) {
            (Speaker::Stranger(newcomer), ..) => {
                let newcomer = Arc::clone(newcomer);
                return Ok(Self::Stranger(Stranger { claims: Arc::new(claims), newcomer, mark: 0 }));
            }
            (Speaker::Client(id), ..) => Subject::Client { id: id.clone() },
            (Speaker::User(id), Some(_), Some(roles)) => user(*id, roles),
            // Nobody but this server binds tokens, and its own name epoch and roles.
            (Speaker::User(_), ..) if claims.bound_to.is_some() => return Err(InvalidToken::Bound),
            (Speaker::User(id), ..) => {
                let user = *id;
                return Ok(Self::Unconfirmed(Unconfirmed { claims: Arc::new(claims), user }));
            }
        };
        let verified = Verified::of(subject, claims.scope.clone(), &claims);
        Ok(match claims.bound_to {
            Some(key) => Self::Bound(Bound { verified, key }),
            None => Self::Complete(verified),
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
            claims.bearer.session,
            claims.token.clone(),
        );
        Self(Arc::new(Facts { caller, expires_at: claims.expires_at() }))
    }

    /// Who is calling.
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// The token's `exp`.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }
}

impl Bound {
    /// The key to which it is bound.
    pub fn key(&self) -> &Thumbprint {
        &self.key
    }

    /// The verdict, given the proof that came along.
    ///
    /// # Errors
    /// When it is of another key.
    pub fn prove(&self, proof: &Proof) -> Result<Verified, InvalidProof> {
        if proof.key == self.key { Ok(self.verified.clone()) } else { Err(InvalidProof::AnotherKey) }
    }

    /// What it says, for the client that it was issued to.
    pub(in crate::token) fn unproved(&self) -> &Verified {
        &self.verified
    }
}

impl Unconfirmed {
    /// Whom to look up.
    pub fn user_id(&self) -> UserId {
        self.user
    }

    /// The verdict, given the user as they are now, if they are there at all. Ask for every
    /// request anew.
    ///
    /// # Errors
    /// When the user is not there or suspended, or the token is not younger than the last change
    /// of their password, roles or status.
    pub fn confirm(&self, standing: Option<&AccountState>) -> Result<Verified, InvalidToken> {
        let standing = standing.ok_or(InvalidToken::NoSuchUser)?;
        check(&self.claims, standing)?;
        let scope = self.claims.scope.clone();
        Ok(Verified::of(user(self.user, &standing.roles), scope, &self.claims))
    }
}

impl Stranger {
    pub(in crate::token) fn looked_up_after(&self, mark: u64) -> Self {
        Self { mark, ..self.clone() }
    }

    /// Whom to look up, and to make an account for if there is none and the issuer is trusted
    /// that far.
    pub fn newcomer(&self) -> &Arc<Newcomer> {
        &self.newcomer
    }

    /// The verdict, given who they are here. The token carries what it says, as far as their roles
    /// here grant it.
    pub(in crate::token) fn confirm(&self, resident: &Resident) -> Result<Verified, InvalidToken> {
        if resident.departed_at.is_some_and(|at| !self.claims.issued_after(at)) {
            return Err(InvalidToken::NoSuchUser);
        }
        check(&self.claims, &resident.standing)?;
        let roles = &resident.standing.roles;
        let scope = self.claims.scope.intersection(&self.claims.vocabulary.granted_by(roles));
        Ok(Verified::of(user(resident.user, roles), scope, &self.claims))
    }
}

/// Whether a user who stands like this is spoken for by a token of such an age.
fn check(claims: &Claims, standing: &AccountState) -> Result<(), InvalidToken> {
    if standing.status == Status::Suspended {
        return Err(InvalidToken::Suspended);
    }
    if standing.epoch_began_at.is_some_and(|began| !claims.issued_after(began)) {
        return Err(InvalidToken::Superseded);
    }
    Ok(())
}
