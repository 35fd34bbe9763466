//! What verification gives.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::claims::Claims;
use super::invalid::InvalidToken;
use super::revocation::Speaker;
use crate::authz::{Caller, Subject};
use crate::domain::{Role, Standing, Status, UserId};

/// An acceptable token.
#[derive(Clone, Debug)]
pub enum Ticket {
    /// It says all that is needed.
    Complete(Verified),
    /// A user's, minted elsewhere with a shared key: it names no epoch or no roles, so the user
    /// must be looked up before it is worth anything.
    Unconfirmed(Unconfirmed),
}

/// An acceptable token and the caller it speaks for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Verified(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    caller: Caller,
    expires_at: DateTime<Utc>,
}

/// A token whose signature and claims hold, of a user who is not yet known to exist.
#[derive(Clone, Debug)]
pub struct Unconfirmed {
    claims: Arc<Claims>,
    user: UserId,
}

impl Ticket {
    pub(super) fn of(claims: Claims) -> Self {
        let subject = match (&claims.bearer.speaker, claims.bearer.epoch, &claims.roles) {
            (Speaker::Client(id), ..) => Subject::Client { id: id.clone() },
            (Speaker::User(id), Some(_), Some(roles)) => user(*id, roles),
            (Speaker::User(id), ..) => {
                let user = *id;
                return Self::Unconfirmed(Unconfirmed { claims: Arc::new(claims), user });
            }
        };
        Self::Complete(Verified::of(subject, &claims))
    }
}

fn user(id: UserId, roles: &[Role]) -> Subject {
    Subject::User { id, roles: roles.to_vec() }
}

impl Verified {
    #[expect(clippy::disallowed_methods, reason = "this is token verification")]
    fn of(subject: Subject, claims: &Claims) -> Self {
        let caller = Caller::verified(
            Arc::clone(&claims.vocabulary),
            subject,
            claims.scope.clone(),
            claims.bearer.session,
            claims.token.clone(),
        );
        Self(Arc::new(Facts { caller, expires_at: claims.expires_at }))
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
    pub fn confirm(&self, standing: Option<&Standing>) -> Result<Verified, InvalidToken> {
        let standing = standing.ok_or(InvalidToken::NoSuchUser)?;
        if standing.status == Status::Suspended {
            return Err(InvalidToken::Suspended);
        }
        if standing.epoch_began_at.is_some_and(|began| !self.claims.issued_after(began)) {
            return Err(InvalidToken::Superseded);
        }
        Ok(Verified::of(user(self.user, &standing.roles), &self.claims))
    }
}
