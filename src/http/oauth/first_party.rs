//! Login of the first-party client or in a browser, for the routes of the API that check a password.

use std::net::IpAddr;
use std::sync::Arc;

use crate::authz::action::SetPassword;
use crate::authz::{Allowed, AuditEvent, Caller, Outcome};
use crate::domain::{Allowance, BrowserSecret, ClientId, Device, Invalid, PasswordAttempt, User};
use crate::http::kit::{Argument, Call, Code, Description, Problem, SendingPage, Services, SetCookie};
use crate::oauth::OAuthError;
use crate::oauth::password_login::{self, PasswordLogin};
use crate::oauth::token_response::TokenResponse;
use crate::store::SessionCookie;

/// Checks passwords, each attempt counted by account and by address.
pub(crate) struct FirstPartyLogin {
    services: Arc<Services>,
    allowance: Allowance,
}

impl FirstPartyLogin {
    /// Logs a user in, and returns the tokens of a new session.
    ///
    /// # Errors
    /// 401 for a wrong password or an unknown user alike, 429 after too many attempts, 503 when the hash
    /// queue is full.
    pub(crate) async fn log_in(
        &self,
        login: PasswordLogin,
        device: Device,
    ) -> Result<TokenResponse, Problem> {
        let context = self.services.oauth().with_allowance(&self.allowance);
        let answer = password_login::log_in(&context, login, device).await?;
        self.services.metrics.tokens_issued.with_label_values(&["password"]).inc();
        Ok(answer)
    }

    /// Signs a user in in the browser that sent the request, and returns the cookie of the session.
    ///
    /// # Errors
    /// As [`FirstPartyLogin::log_in`], and 403 for a page of another origin.
    pub(crate) async fn sign_in(
        &self,
        login: PasswordLogin,
        device: Device,
        page: SendingPage,
        is_persistent: bool,
    ) -> Result<SetCookie, Problem> {
        let (before, secret) = (page.session()?, BrowserSecret::generate(&self.services.random)?);
        let PasswordLogin { email, password, .. } = login;
        let context = self.services.oauth().with_allowance(&self.allowance);
        let cookie = SessionCookie { hash: secret.hash(), is_persistent };
        let until = password_login::sign_in(&context, &email, password, device, cookie, before).await?;
        Ok(self.services.session_cookie(&secret, until))
    }

    /// Proves the password of the caller's browser session again, and returns its new cookie.
    ///
    /// # Errors
    /// 422 for a wrong password, and as [`FirstPartyLogin::log_in`].
    pub(crate) async fn authenticate_browser_again(
        &self,
        caller: &Caller,
        password: PasswordAttempt,
    ) -> Result<SetCookie, Problem> {
        let own =
            caller.user_id().zip(caller.session()).ok_or_else(|| Problem::new(Code::Unauthenticated))?;
        let secret = BrowserSecret::generate(&self.services.random)?;
        let context = self.services.oauth().with_allowance(&self.allowance);
        let until =
            password_login::authenticate_browser_again(&context, caller, own, password, secret.hash()).await;
        Ok(self.services.session_cookie(&secret, until.map_err(not_proved)?))
    }

    /// Returns the cookie that ends the session of a caller in a browser.
    pub(crate) fn end_of_session(&self, caller: &Caller) -> Option<SetCookie> {
        caller.is_browser().then(|| self.services.forms.cookies().end_session())
    }

    /// Proves the password of the caller's session again, and returns a new access token.
    ///
    /// # Errors
    /// 422 for a wrong password, 409 for a token that belongs to no session of the first-party client, and as
    /// [`FirstPartyLogin::log_in`].
    pub(crate) async fn authenticate_again(
        &self,
        caller: &Caller,
        password: PasswordAttempt,
    ) -> Result<TokenResponse, Problem> {
        let is_first_party = caller.token().client_id.as_deref() == Some(ClientId::FIRST_PARTY);
        let session = caller.user_id().zip(caller.session()).filter(|_| is_first_party).ok_or_else(|| {
            Problem::new(Code::Conflict)
                .with_detail("the token belongs to no session that began at POST /sessions: sign in again")
        })?;
        let context = self.services.oauth().with_allowance(&self.allowance);
        let answer = password_login::authenticate_again(&context, caller, session, password).await;
        let answer = answer.map_err(not_proved)?;
        self.services.metrics.tokens_issued.with_label_values(&["password"]).inc();
        Ok(answer)
    }

    /// Checks a user's current password, and writes a wrong one into the audit trail.
    ///
    /// # Errors
    /// As [`FirstPartyLogin::log_in`], but for the wrong password.
    pub(crate) async fn is_password_of(
        &self,
        user: &Allowed<User, SetPassword>,
        password: PasswordAttempt,
        address: Option<IpAddr>,
    ) -> Result<bool, Problem> {
        let context = self.services.oauth().with_allowance(&self.allowance);
        let is_right = password_login::verify_current_password(&context, user, password, address).await?;
        if !is_right {
            self.services
                .recorder
                .note(AuditEvent { outcome: Outcome::WrongPassword, ..AuditEvent::from(user) });
        }
        Ok(is_right)
    }
}

/// Returns the problem of a password that was not proved again.
fn not_proved(error: OAuthError) -> Problem {
    match error {
        OAuthError::InvalidCredentials => Problem::broken_rule("/password", wrong_password()),
        error => error.into(),
    }
}

/// Returns the rule that a wrong current password breaks.
pub(crate) fn wrong_password() -> Invalid {
    Invalid::new("wrong-password", "is not the current password")
}

impl Argument for FirstPartyLogin {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self { services: Arc::clone(call.services()), allowance: call.allowance() })
    }

    fn describe(description: &mut Description) {
        <Allowance as Argument>::describe(description);
    }
}
