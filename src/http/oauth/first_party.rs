//! Login of the first-party client, for the routes of the API that check a password.

use std::net::IpAddr;
use std::sync::Arc;

use crate::authz::action::SetPassword;
use crate::authz::{Allowed, AuditEvent, Outcome};
use crate::domain::{Allowance, Device, PasswordAttempt, User};
use crate::http::kit::{Argument, Call, Description, Problem, Services};
use crate::oauth::password_login::{self, PasswordLogin};
use crate::oauth::token_response::TokenResponse;

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

impl Argument for FirstPartyLogin {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self { services: Arc::clone(call.services()), allowance: call.allowance() })
    }

    fn describe(description: &mut Description) {
        <Allowance as Argument>::describe(description);
    }
}
