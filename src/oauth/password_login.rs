//! First-party login: an e-mail and its password for an access token.

use super::{OAuthError, granted};
use crate::authz::{Event, Outcome, Resource as _, ScopeSet};
use crate::domain::{ClientId, Email, PasswordAttempt, Session, UserId};
use crate::hashing::{Hasher, Verdict};
use crate::store::{LoginRefused, Proved, Recorder, Store};
use crate::token::{IssueRequest, IssueTo, IssuedToken, Issuer};

/// What somebody who logs in says.
pub struct PasswordLogin {
    /// Their address, as they typed it.
    pub email: String,
    /// Their password.
    pub password: PasswordAttempt,
    /// The scopes that they ask for.
    pub scope: Option<ScopeSet>,
}

/// The device that logs in, as far as it can be seen.
pub struct Device {
    /// `User-Agent`.
    pub name: Option<String>,
    /// The peer's address.
    pub address: Option<String>,
}

/// What a login is done with.
pub struct Means<'a> {
    /// Where accounts and sessions are kept.
    pub store: &'a Store,
    /// The lane in which the password is checked.
    pub hasher: &'a Hasher,
    /// What issues the token.
    pub issuer: &'a Issuer,
    /// What takes a failed login for the audit trail.
    pub recorder: &'a Recorder,
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

/// Begins a session and issues its first token. An unknown address, a wrong password, an account
/// without one and a suspended account take the same time and get the same answer.
///
/// # Errors
/// [`OAuthError::InvalidCredentials`], [`OAuthError::InvalidScope`], or a failure.
pub async fn log_in(
    with: &Means<'_>,
    login: PasswordLogin,
    device: Device,
) -> Result<IssuedToken, OAuthError> {
    let Means { store, hasher, issuer, recorder } = with;
    // An address that cannot exist is looked up all the same: it must not answer any faster.
    let key = Email::parse(&login.email).map_or_else(|_| String::new(), |email| email.key());
    let account = store.login_by_email(key).await?;
    let (user_id, hash) = account.map(|account| (account.user_id, account.hash)).unzip();
    let verdict = hasher.verify(login.password, hash.clone().flatten()).await?;
    let (Some(user_id), Some(hash), Verdict::Match { upgraded }) = (user_id, hash.flatten(), verdict) else {
        if let Some(user) = user_id {
            recorder.note(&failed_login(user));
        }
        return Err(OAuthError::InvalidCredentials);
    };
    let (proved, asked) = (Proved { hash, upgraded }, login.scope);
    let grant = move |grantable: &ScopeSet| granted(asked.as_ref(), grantable).ok();
    let start = store.begin_session(user_id, proved, device.name, device.address, grant).await?;
    let start = start.map_err(|refused| match refused {
        LoginRefused::Account => OAuthError::InvalidCredentials,
        LoginRefused::Scope => OAuthError::InvalidScope,
    })?;
    Ok(issuer.issue(IssueRequest {
        subject: IssueTo::User { id: user_id, roles: start.roles, epoch: start.epoch },
        client_id: ClientId::FIRST_PARTY.to_owned(),
        scope: &start.scope,
        session: Some(start.session.id),
    })?)
}
