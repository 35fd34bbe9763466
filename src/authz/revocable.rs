//! Everything by which a token can lose its effect before it expires. Verification looks at it for every
//! request, and the store looks again in the transaction of a change.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::{ExternalUser, Revoked, SessionId, SessionSet, UserId};

/// Subject of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenSubject {
    User(UserId),
    Client(String),
    /// A user of an external issuer. The linked account must be looked up.
    External(Arc<ExternalUser>),
}

/// Everything by which a token can be revoked.
#[derive(Clone, Debug)]
pub(crate) struct Revocable {
    pub(crate) subject: TokenSubject,
    /// None when it was issued elsewhere.
    pub(crate) epoch: Option<i64>,
    pub(crate) session: Option<SessionId>,
    /// The client that it was issued to.
    pub(crate) client_id: Option<String>,
    /// Epoch of that client, in a token of a user.
    pub(crate) client_epoch: Option<i64>,
    /// `jti`.
    pub(crate) jti: Option<String>,
    pub(crate) issued_at: DateTime<Utc>,
}

impl Revocable {
    /// True when the token was issued after `moment`. `iat` has whole seconds, so a token of the same
    /// second counts as older.
    pub(crate) fn issued_after(&self, moment: DateTime<Utc>) -> bool {
        self.issued_at.timestamp() > moment.timestamp()
    }

    /// True when the token is older than this epoch of its user. A token without an epoch is checked by the
    /// account state instead.
    pub(crate) fn is_before_user_epoch(&self, epoch: i64) -> bool {
        self.epoch.is_some_and(|own| own < epoch)
    }

    /// True when the token is older than this epoch of its client. A client's token without an epoch counts
    /// as older than every epoch. The account state alone ends a token of an external user.
    pub(crate) fn is_before_client_epoch(&self, epoch: i64) -> bool {
        match self.subject {
            // A token of an earlier version has no epoch of its client. Epochs are Unix times.
            TokenSubject::User(_) => self.client_epoch.unwrap_or(self.issued_at.timestamp_millis()) < epoch,
            TokenSubject::Client(_) => self.epoch.unwrap_or(i64::MIN) < epoch,
            TokenSubject::External(_) => false,
        }
    }

    /// True when the token is of a session in the set.
    pub(crate) fn is_in(&self, set: &SessionSet) -> bool {
        let is_of_user = matches!(self.subject, TokenSubject::User(id) if id == set.user);
        is_of_user && self.session.is_some_and(|session| set.contains(session, self.client_id.as_deref()))
    }

    /// Returns the names by which revocations can mean the token: of its subject, client, session and `jti`.
    /// An empty name means no revocation. None for a user of an external issuer.
    pub(crate) fn named_in_revocations(&self) -> Option<[String; 4]> {
        let subject = match &self.subject {
            TokenSubject::User(id) => id.to_string(),
            TokenSubject::Client(id) => id.clone(),
            TokenSubject::External(_) => return None,
        };
        let session = self.session.map(|id| id.to_string());
        let or_empty = Option::unwrap_or_default;
        Some([subject, or_empty(self.client_id.clone()), or_empty(session), or_empty(self.jti.clone())])
    }

    /// True when the revocation ends the token.
    pub(crate) fn is_ended_by(&self, revoked: &Revoked) -> bool {
        match (revoked, &self.subject) {
            (Revoked::User(id, epoch), TokenSubject::User(own)) => {
                own == id && self.is_before_user_epoch(*epoch)
            }
            (Revoked::Client(id, epoch), TokenSubject::Client(own)) => {
                own == id && self.is_before_client_epoch(*epoch)
            }
            (Revoked::Client(id, epoch), TokenSubject::User(_)) => {
                self.client_id.as_ref() == Some(id) && self.is_before_client_epoch(*epoch)
            }
            (Revoked::User(..) | Revoked::Client(..), _) => false,
            (Revoked::Sessions(set), _) => self.is_in(set),
            (Revoked::Session(id), _) => self.session == Some(*id),
            (Revoked::Token(jti), _) => self.jti.as_ref() == Some(jti),
        }
    }
}
