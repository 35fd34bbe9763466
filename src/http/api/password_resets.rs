//! `/password-resets`: a new password by a mailed link.

use crate::accounts::Accounts;
use crate::domain::{AccountToken, Email, Origin, TokenPurpose};
use crate::http::kit::{Accepted, Body, MailLimit, NoContent, Problem, Public};

crate::body! {
    /// The account whose password is forgotten.
    pub struct PasswordResetRequest {
        /// The account's e-mail address.
        #[schema(format = "email", max_length = 254)]
        email: String as Email = required_text(Email::parse);
    }
    example { "email": "ada@example.com" }
}

crate::body! {
    /// The token of a mailed link, and the new password.
    pub struct PasswordRedemption {
        /// The token of the link.
        token: String as AccountToken = required_text(|text| Ok(AccountToken::presented(text)));
        /// The new password, by the rules of `POST /users`.
        #[schema(format = "password", min_length = 8, max_length = 256)]
        new_password: String = required_text(|text| Ok(text.to_owned()));
    }
    example { "token": "q1ZkN0lWc2VjcmV0LW9mLWEtbGluay1mb3ItdGVzdHM", "new_password": "a most unusual passphrase" }
}

/// `POST /password-resets`: the answer does not depend on the account.
pub async fn request(
    _: Public,
    body: Body<PasswordResetRequest>,
    origin: Origin,
    limit: MailLimit,
    accounts: Accounts,
) -> Result<Accepted, Problem> {
    let PasswordResetRequest { email } = body.read(PasswordResetRequest::read)?;
    limit.count(origin.address).await?;
    accounts.request_password_reset(&email).await?;
    Ok(Accepted)
}

/// `POST /password-resets/redeem`
pub async fn redeem(
    _: Public,
    body: Body<PasswordRedemption>,
    origin: Origin,
    accounts: Accounts,
) -> Result<NoContent, Problem> {
    set_password(body, TokenPurpose::ResetPassword, origin, &accounts).await
}

/// `POST /invitations/redeem`
pub async fn redeem_invitation(
    _: Public,
    body: Body<PasswordRedemption>,
    origin: Origin,
    accounts: Accounts,
) -> Result<NoContent, Problem> {
    set_password(body, TokenPurpose::Invitation, origin, &accounts).await
}

async fn set_password(
    body: Body<PasswordRedemption>,
    purpose: TokenPurpose,
    origin: Origin,
    accounts: &Accounts,
) -> Result<NoContent, Problem> {
    let PasswordRedemption { token, new_password } = body.read(PasswordRedemption::read)?;
    accounts.redeem_for_password(&token, purpose, &new_password, origin).await?;
    Ok(NoContent)
}
