//! Callers of browser sessions. A page of the server's own origin sends the cookie of the session instead of a token.

use std::sync::Arc;

use super::verify::Verifier;
use crate::authz::{Caller, Revocable, TokenSubject};
use crate::domain::{Session, User};

impl Verifier {
    /// Returns the caller of a browser session that the database has just returned with its user. `None` if this
    /// replica knows that the session has ended.
    #[expect(clippy::disallowed_methods, reason = "the session is verified here as a token is")]
    pub(crate) fn verify_browser(&self, session: &Session, user: &User) -> Option<Caller> {
        let revocable = Revocable {
            subject: TokenSubject::User(user.id),
            epoch: Some(user.epoch),
            session: Some(session.id),
            client_id: None,
            client_epoch: None,
            jti: None,
            issued_at: self.clock.now(),
        };
        let (vocabulary, user) = (Arc::clone(&self.vocabulary), (user.id, user.roles.clone()));
        let caller = Caller::of_browser(vocabulary, user, revocable, session.auth_time);
        (!self.is_revoked(&caller)).then_some(caller)
    }
}
