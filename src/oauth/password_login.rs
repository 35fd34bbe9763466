//! Login with an e-mail and its password: for tokens of the first-party client, or at the pages.

use std::net::IpAddr;

use super::token_answer::TokenAnswer;
use super::{Means, OAuthError, granted};
use crate::authz::{Actor, AuditEvent, Outcome, Resource as _, ScopeSet};
use crate::domain::{
    Device, Email, Left, LoginAttempt, Origin, PasswordAttempt, RefreshToken, SecretHash, Session, User,
    UserId,
};
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

fn failed_login(user: UserId, origin: Origin) -> AuditEvent {
    AuditEvent {
        by: Actor::Anonymous(origin, None),
        action: "log_in",
        resource: Session::NAME,
        record: None,
        owner: Some(user),
        outcome: Outcome::WrongPassword,
    }
}

/// A guess that is checked: whose account it is at, if there is one, and what came of it.
struct Checked {
    user: Option<UserId>,
    proved: Option<Proved>,
}

/// Checks a password, counted as a guess. An unknown address, a wrong password and an account
/// without one take the same time.
async fn check(
    with: &Means<'_>,
    account: String,
    password: PasswordAttempt,
    address: Option<IpAddr>,
) -> Result<Checked, OAuthError> {
    // Before it costs the database anything.
    with.hasher.turn_away_if_full()?;
    let guess = LoginAttempt { account, address };
    let (login, counted) = with.store.guess(guess, with.limits).await?.map_err(|too_many| {
        with.allowance.note(too_many.left);
        let left = (too_many.until - with.clock.now()).num_seconds();
        OAuthError::TooManyGuesses { retry_after: left.max(0) + 1 }
    })?;
    with.allowance.note(counted.left);
    let (user, hash) = login.map(|login| (login.user_id, login.hash)).unzip();
    let hash = hash.flatten();
    let verdict = match with.hasher.verify(password, hash.clone()).await {
        Ok(verdict) => verdict,
        Err(error) => {
            with.store.take_back(counted).await?;
            return Err(error.into());
        }
    };
    let proved = match (hash, verdict) {
        (Some(hash), Verdict::Match { upgraded }) => {
            // It is taken back, for it was right.
            with.allowance.note(counted.left.map(Left::with_one_more));
            Some(Proved { hash, upgraded, counted })
        }
        _ => None,
    };
    Ok(Checked { user, proved })
}

/// Finds out whose address and password these are; nobody's are not told from a wrong password.
async fn prove(
    with: &Means<'_>,
    email: &str,
    password: PasswordAttempt,
    device: &Device,
) -> Result<(UserId, Proved), OAuthError> {
    // An address that cannot exist is looked up all the same: it must not answer any faster.
    let key = Email::parse(email).map_or_else(|_| String::new(), |email| email.key());
    match check(with, key, password, device.origin.address).await? {
        Checked { user: Some(user), proved: Some(proved) } => Ok((user, proved)),
        Checked { user, .. } => {
            if let Some(user) = user {
                with.recorder.note(failed_login(user, device.origin.clone()));
            }
            Err(OAuthError::InvalidCredentials)
        }
    }
}

/// Whether this is the user's password: a guess like one at a login.
///
/// # Errors
/// [`OAuthError::TooManyGuesses`], or a failure.
pub async fn is_password_of(
    with: &Means<'_>,
    user: &User,
    password: PasswordAttempt,
    address: Option<IpAddr>,
) -> Result<bool, OAuthError> {
    match check(with, user.email.key(), password, address).await?.proved {
        Some(proved) => {
            with.store.take_back(proved.counted).await?;
            Ok(true)
        }
        None => Ok(false),
    }
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
    let (user, proved) = prove(with, &login.email, login.password, &device).await?;
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
    let (user, proved) = prove(with, email, password, &device).await?;
    with.store.sign_in(user, proved, device, cookie, before).await?.map_err(refused)
}
