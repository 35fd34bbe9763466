//! Login with an e-mail and its password: for tokens of the first-party client, or at the pages.

use super::token_answer::TokenAnswer;
use super::{Means, OAuthError, granted};
use crate::authz::{Event, Outcome, Resource as _, ScopeSet};
use crate::domain::{Device, Email, PasswordAttempt, RefreshToken, SecretHash, Session, UserId};
use crate::hashing::Verdict;
use crate::store::{LoginRefused, Proved};

/// What somebody who logs in says.
pub struct PasswordLogin {
    /// Their address, as they typed it.
    pub email: String,
    /// Their password.
    pub password: PasswordAttempt,
    /// The scopes that they ask for.
    pub scope: Option<ScopeSet>,
}

fn failed_login(user: UserId) -> Event {
    Event {
        by: None,
        action: "log_in",
        resource: Session::NAME,
        record: None,
        owner: Some(user),
        outcome: Outcome::WrongPassword,
    }
}

/// Finds out whose address and password these are. An unknown address, a wrong password and an
/// account without one take the same time and get the same answer.
///
/// # Errors
/// [`OAuthError::InvalidCredentials`], or a failure.
async fn prove(
    with: &Means<'_>,
    email: &str,
    password: PasswordAttempt,
) -> Result<(UserId, Proved), OAuthError> {
    // An address that cannot exist is looked up all the same: it must not answer any faster.
    let key = Email::parse(email).map_or_else(|_| String::new(), |email| email.key());
    let account = with.store.login_by_email(key).await?;
    let (user_id, hash) = account.map(|account| (account.user_id, account.hash)).unzip();
    let verdict = with.hasher.verify(password, hash.clone().flatten()).await?;
    let (Some(user_id), Some(hash), Verdict::Match { upgraded }) = (user_id, hash.flatten(), verdict) else {
        if let Some(user) = user_id {
            with.recorder.note(&failed_login(user));
        }
        return Err(OAuthError::InvalidCredentials);
    };
    Ok((user_id, Proved { hash, upgraded }))
}

fn refused(refused: LoginRefused) -> OAuthError {
    match refused {
        LoginRefused::Account => OAuthError::InvalidCredentials,
        LoginRefused::Scope => OAuthError::InvalidScope,
    }
}

/// Begins a session of the first-party client and issues its first tokens. A suspended account is
/// answered as a wrong password is.
///
/// # Errors
/// [`OAuthError::InvalidCredentials`], [`OAuthError::InvalidScope`], or a failure.
pub async fn log_in(
    with: &Means<'_>,
    login: PasswordLogin,
    device: Device,
) -> Result<TokenAnswer, OAuthError> {
    let (user, proved) = prove(with, &login.email, login.password).await?;
    let asked = login.scope;
    let grant = move |grantable: &ScopeSet| granted(asked.as_ref(), grantable).ok();
    let refresh = RefreshToken::generate(with.random)?;
    let begun = with.store.begin_session(user, proved, device, refresh.hash(), grant).await?;
    let entitled = begun.map_err(refused)?;
    Ok(TokenAnswer::in_session(with.issuer, &entitled, None)?.with_refresh_token(&refresh))
}

/// Signs somebody in at the pages: their browser is to keep the cookie of which this is the hash,
/// instead of the one that it had before.
///
/// # Errors
/// [`OAuthError::InvalidCredentials`], or a failure.
pub async fn sign_in(
    with: &Means<'_>,
    email: &str,
    password: PasswordAttempt,
    device: Device,
    cookie: SecretHash,
    before: Option<SecretHash>,
) -> Result<(), OAuthError> {
    let (user, proved) = prove(with, email, password).await?;
    with.store.sign_in(user, proved, device, cookie, before).await?.map_err(refused)
}
