//! `/oauth/…` and `/.well-known/…`: the authorization server over HTTP. Its logic is in [`crate::oauth`].

mod account_links;
mod authorization_query;
mod authorize;
mod authorize_flow;
mod client;
mod first_party;
mod logout;
mod metadata;
mod sign_up;
mod token;
mod userinfo;

use actix_web::http::header;

pub(crate) use account_links::{
    forgot_password, request_password_link, show_invitation, show_reset, show_undo, show_verification,
    submit_invitation, submit_reset, submit_undo, submit_verification,
};
pub use authorize::{authorize, authorize_by_form, resume_authorization, submit_consent, submit_login};
pub use client::ClientAuth;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use client::credentials_by_basic;
pub(crate) use first_party::{FirstPartyLogin, wrong_password};
pub use logout::{confirm_logout, logout, logout_by_form, resume_logout};
pub use metadata::{authorization_server, jwks, protected_resource};
pub use sign_up::submit_sign_up;
pub use token::{introspect, revoke, token};
pub use userinfo::userinfo;

use crate::http::kit::{Code, Problem};
use crate::oauth::OAuthError;

impl From<OAuthError> for Problem {
    fn from(error: OAuthError) -> Self {
        let code = match error {
            OAuthError::InvalidRequest(why) => return Self::new(Code::InvalidRequest).with_detail(why),
            OAuthError::InvalidClient { basic, registered } => {
                let problem = match registered {
                    Some(method) => Self::new(Code::InvalidClient).with_detail(format!(
                        "The client is registered for the authentication method {method} and must use no other one."
                    )),
                    None => Self::new(Code::InvalidClient),
                };
                return if basic {
                    problem
                        .with_header(header::WWW_AUTHENTICATE, "Basic realm=\"cloakroom\", charset=\"UTF-8\"")
                } else {
                    problem
                };
            }
            OAuthError::UnauthorizedClient => Code::UnauthorizedClient,
            OAuthError::UnsupportedGrantType => Code::UnsupportedGrantType,
            OAuthError::InvalidGrant => Code::InvalidGrant,
            OAuthError::InvalidScope => Code::InvalidScope,
            OAuthError::InvalidProof(why) => return why.into(),
            OAuthError::InvalidTarget => Code::InvalidTarget,
            OAuthError::InvalidCredentials => Code::InvalidCredentials,
            OAuthError::TooManyAttempts { retry_after } => {
                let problem = Self::new(Code::TooManyGuesses);
                return problem.with_header(header::RETRY_AFTER, retry_after.to_string());
            }
            OAuthError::Store(error) => return error.into(),
            OAuthError::Hash(error) => return error.into(),
            OAuthError::Random(error) => return error.into(),
            OAuthError::Issue(error) => {
                log::error!("{error}");
                Code::Internal
            }
        };
        Self::new(code)
    }
}
