//! Login with e-mail and password, for tokens of the first-party client or for the pages.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::scope::granted_scopes;
use super::token_response::TokenResponse;
use super::{OAuthContext, OAuthError};
use crate::authz::Resource as _;
use crate::authz::{Actor, AuditEvent, Caller, Outcome, ScopeSet};
use crate::domain::{
    Device, Email, Left, LoginAttempt, Origin, PasswordAttempt, RefreshToken, SecretHash, Session, SessionId,
    User, UserId,
};
use crate::hashing::Verdict;
use crate::store::{LoginRefused, SessionCookie, Settled, VerifiedPassword};

/// A login request.
pub struct PasswordLogin {
    /// E-mail address, as the user typed it.
    pub email: String,
    /// Password.
    pub password: PasswordAttempt,
    /// Requested scopes.
    pub scope: Option<ScopeSet>,
}

fn failed_login(action: &'static str, user: UserId, origin: Origin) -> AuditEvent {
    AuditEvent {
        by: Actor::Anonymous(origin, None),
        action,
        resource: Session::NAME,
        record: None,
        owner: Some(user),
        outcome: Outcome::WrongPassword,
    }
}

/// Result of a password check.
struct Checked {
    /// The account, if there is one.
    user: Option<UserId>,
    /// Proof that the password is right.
    proved: Option<VerifiedPassword>,
}

/// Checks a password and counts the attempt, of a stranger or of the account's user. An unknown address, a wrong password, and an account that is
/// not active or has no password, take the same time.
async fn check(
    context: &OAuthContext<'_>,
    attempt: LoginAttempt,
    password: PasswordAttempt,
) -> Result<Checked, OAuthError> {
    // Comes first, so that a full queue costs the database nothing.
    let hasher = context.hasher.for_client_at(attempt.address);
    hasher.reject_if_full()?;
    let limits = context.limits && !fault!(guesses_not_counted);
    let (login, counted) =
        context.store.count_attempt(attempt, limits).await?.granted().map_err(|too_many| {
            context.allowance.note(too_many.left);
            let seconds = (too_many.until - context.clock.now()).num_seconds();
            OAuthError::TooManyAttempts { retry_after: seconds.max(0) + 1 }
        })?;
    context.allowance.note(counted.left);
    let (user, hash) = login.map(|login| (login.user_id, login.hash)).unzip();
    let hash = hash.flatten();
    let verdict = match hasher.verify(password, hash.clone()).await {
        Ok(verdict) => verdict,
        Err(error) => {
            context.store.refund_attempt(counted).await?;
            return Err(error.into());
        }
    };
    let proved = match (hash, verdict) {
        (Some(hash), Verdict::Mismatch) if fault!(any_password) => {
            Some(VerifiedPassword { hash, rehashed: None, attempt: counted })
        }
        (Some(hash), Verdict::Match { upgraded }) => {
            Some(VerifiedPassword { hash, rehashed: upgraded, attempt: counted })
        }
        (_, Verdict::Unusable(why)) => {
            let user_id = user.map(|user| user.to_string()).unwrap_or_default();
            log::warn!(user_id; "the login fails until an administrator sets a password: the stored hash {why}");
            None
        }
        _ => None,
    };
    Ok(Checked { user, proved })
}

/// Reports the quota after the attempt was refunded. An attempt that is refused after all keeps the lower quota.
fn note_refund(context: &OAuthContext<'_>, left: Option<Left>) {
    context.allowance.note(left.map(Left::with_one_more));
}

/// Returns the user with this address and password. An unknown address and a wrong password give the
/// same error.
async fn prove(
    context: &OAuthContext<'_>,
    email: &str,
    password: PasswordAttempt,
    device: &Device,
) -> Result<(UserId, VerifiedPassword), OAuthError> {
    // A malformed address is looked up as well, so that its answer is not faster.
    let key = Email::lookup_key(email).unwrap_or_default();
    let attempt = LoginAttempt { account: key, address: device.origin.address, by_user: false };
    match check(context, attempt, password).await? {
        Checked { user: Some(user), proved: Some(proved) } => Ok((user, proved)),
        Checked { user, .. } => {
            if let Some(user) = user.filter(|_| !fault!(failed_login_not_written)) {
                context.recorder.note(failed_login("log_in", user, device.origin.clone()));
            }
            match user.is_none() && fault!(unknown_address_told) {
                true => Err(OAuthError::InvalidGrant),
                false => Err(OAuthError::InvalidCredentials),
            }
        }
    }
}

/// True when this is the password of the user, who has authenticated by a token.
///
/// # Errors
/// [`OAuthError::TooManyAttempts`], or a failure of the store or the hasher.
pub async fn verify_current_password(
    context: &OAuthContext<'_>,
    user: &User,
    password: PasswordAttempt,
    address: Option<IpAddr>,
) -> Result<bool, OAuthError> {
    let attempt = LoginAttempt { account: user.email.key(), address, by_user: true };
    match check(context, attempt, password).await?.proved {
        Some(proved) => {
            let left = proved.attempt.left;
            context.store.refund_attempt(proved.attempt).await?;
            note_refund(context, left);
            Ok(true)
        }
        None => Ok(false),
    }
}

/// Proves the password of the user of a session of the first-party client again. Issues an access token with the
/// scopes of the caller's token, and with the new time of authentication (RFC 9470).
///
/// # Errors
/// [`OAuthError::InvalidCredentials`], [`OAuthError::TooManyAttempts`], or a failure.
pub(crate) async fn authenticate_again(
    context: &OAuthContext<'_>,
    caller: &Caller,
    own: (UserId, SessionId),
    password: PasswordAttempt,
) -> Result<TokenResponse, OAuthError> {
    let proved = prove_again(context, caller, own.0, password).await?;
    let left = proved.attempt.left;
    let renewed = context.store.authenticate_again(caller, own, proved).await?;
    let token_session = renewed.granted().map_err(refused)?;
    note_refund(context, left);
    TokenResponse::in_session(context, true, &token_session, None).await
}

/// Proves the password of the user of a browser session again. `cookie` is the hash of the new secret of its cookie.
/// Returns the end of a persistent cookie.
///
/// # Errors
/// As [`authenticate_again`].
pub(crate) async fn authenticate_browser_again(
    context: &OAuthContext<'_>,
    caller: &Caller,
    own: (UserId, SessionId),
    password: PasswordAttempt,
    cookie: SecretHash,
) -> Result<Option<DateTime<Utc>>, OAuthError> {
    let proved = prove_again(context, caller, own.0, password).await?;
    let left = proved.attempt.left;
    let renewed = context.store.authenticate_browser_again(caller, own, proved, cookie).await?;
    let until = renewed.granted().map_err(refused)?;
    note_refund(context, left);
    Ok(until)
}

/// Checks the password of the user of a session, and writes a wrong one into the audit trail.
async fn prove_again(
    context: &OAuthContext<'_>,
    caller: &Caller,
    user: UserId,
    password: PasswordAttempt,
) -> Result<VerifiedPassword, OAuthError> {
    let email = context.store.email_of(user).await?.ok_or(OAuthError::InvalidCredentials)?;
    let attempt = LoginAttempt { account: email.key(), address: caller.origin().address, by_user: true };
    let Some(proved) = check(context, attempt, password).await?.proved else {
        context.recorder.note(AuditEvent {
            by: Actor::Caller(caller.clone()),
            ..failed_login("authenticate", user, caller.origin().clone())
        });
        return Err(OAuthError::InvalidCredentials);
    };
    Ok(proved)
}

fn refused(refused: LoginRefused) -> OAuthError {
    match refused {
        LoginRefused::Account => OAuthError::InvalidCredentials,
        LoginRefused::Scope => OAuthError::InvalidScope,
    }
}

/// Begins a session of the first-party client and issues its first tokens. A suspended account gets the
/// same error as a wrong password.
///
/// # Errors
/// [`OAuthError::InvalidCredentials`], [`OAuthError::InvalidScope`],
/// [`OAuthError::TooManyAttempts`], or a failure.
pub async fn log_in(
    context: &OAuthContext<'_>,
    login: PasswordLogin,
    device: Device,
) -> Result<TokenResponse, OAuthError> {
    let (user, proved) = prove(context, &login.email, login.password, &device).await?;
    let left = proved.attempt.left;
    let requested = login.scope;
    let grant = move |grantable: &ScopeSet| granted_scopes(requested.as_ref(), grantable).ok();
    let refresh = RefreshToken::generate(context.random)?;
    let begun = context.store.begin_session(user, proved, device, refresh.hash(), grant).await?;
    if !matches!(begun, Settled::Refused(LoginRefused::Account)) {
        note_refund(context, left);
    }
    let token_session = begun.granted().map_err(refused)?;
    let response = TokenResponse::in_session(context, true, &token_session, None);
    Ok(response.await?.with_refresh_token(&refresh))
}

/// Signs a user in in a browser. `before` is the hash of the cookie that the new one replaces. Returns the end of a
/// persistent cookie.
///
/// # Errors
/// [`OAuthError::InvalidCredentials`], [`OAuthError::TooManyAttempts`], or a failure.
pub(crate) async fn sign_in(
    context: &OAuthContext<'_>,
    email: &str,
    password: PasswordAttempt,
    device: Device,
    cookie: SessionCookie,
    before: Option<SecretHash>,
) -> Result<Option<DateTime<Utc>>, OAuthError> {
    let (user, proved) = prove(context, email, password, &device).await?;
    let left = proved.attempt.left;
    let signed_in = context.store.sign_in(user, proved, device, cookie, before).await?;
    let until = signed_in.granted().map_err(refused)?;
    note_refund(context, left);
    Ok(until)
}
