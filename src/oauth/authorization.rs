//! The steps of an authorization request: the user signs in, consents, and the client gets a code.

use chrono::{DateTime, TimeDelta, Utc};

use super::authorization_request::AuthorizationRequest;
use super::authorization_response::AuthorizationError;
use super::scope::registered_scopes;
use super::{OAuthContext, OAuthError};
use crate::authz::{ScopeSet, Vocabulary};
use crate::domain::{AuthorizationCode, Origin};
use crate::store::{CodeBinding, NewCode, SignedIn};

/// Lifetime of a code (RFC 6749 §4.1.2 allows ten minutes).
const CODE_LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// Next step of an authorization request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The user must sign in, or must sign in again.
    SignIn,
    /// The user creates an account.
    SignUp,
    /// The user must consent.
    Consent {
        /// All scopes that the client would get.
        scope: ScopeSet,
        /// Scopes that the user has not consented to before.
        new: ScopeSet,
    },
    /// The client gets a code for these scopes.
    Issue(ScopeSet),
    /// The client gets an error.
    Refuse(AuthorizationError),
}

/// Inputs of the next step, apart from the request.
pub struct AuthorizationState<'a> {
    /// The user who is signed in in this browser.
    pub signed_in: Option<&'a SignedIn>,
    /// Scopes that the user has already consented to for this client.
    pub consented: &'a ScopeSet,
    /// Current time.
    pub now: DateTime<Utc>,
}

/// Returns the next step. A public client cannot prove who it is, so its user must always consent
/// (RFC 9700 §4.13, RFC 8252 §8.6). A first-party application needs no consent, because an administrator vouches for
/// its redirect URIs; scopes that reach other users need it always.
pub fn next_step(
    request: &AuthorizationRequest,
    state: &AuthorizationState<'_>,
    vocabulary: &Vocabulary,
) -> Step {
    let prompt = request.prompt;
    if prompt.create {
        return Step::SignUp;
    }
    let signed_in = state.signed_in.filter(|signed_in| {
        let age = state.now - signed_in.session.auth_time;
        let fresh =
            request.max_age.is_none_or(|most| age.num_seconds() <= most) || fault!(max_age_not_checked);
        fresh && request.hinted_user.is_none_or(|hinted_user| hinted_user == signed_in.user.id)
    });
    let Some(signed_in) = signed_in.filter(|_| !prompt.login || fault!(login_not_prompted)) else {
        return interact(prompt.none, Step::SignIn, "login_required", "the user must sign in");
    };
    let grantable = registered_scopes(&request.client, vocabulary)
        .intersection(&vocabulary.granted_by(&signed_in.user.roles));
    let grantable = match fault!(authorized_scope_not_limited) {
        true => registered_scopes(&request.client, vocabulary),
        false => grantable,
    };
    let scope = request
        .scope
        .as_ref()
        .map_or_else(|| grantable.clone(), |requested| requested.intersection(&grantable));
    if scope.is_empty() {
        return Step::Refuse(AuthorizationError::new("invalid_scope", "none of the scopes can be granted"));
    }
    let new = scope.difference(state.consented);
    let client = &request.client.client;
    let is_trusted = client.first_party && scope.powers().is_empty();
    let must_ask = prompt.consent || !is_trusted && (client.is_public() || !new.is_empty());
    if must_ask && !fault!(consent_skipped) {
        let step = Step::Consent { scope, new };
        return interact(prompt.none, step, "consent_required", "the user must consent");
    }
    Step::Issue(scope)
}

/// Returns `step`, or the error when the request forbids interaction (`prompt=none`).
fn interact(forbidden: bool, step: Step, code: &'static str, description: &'static str) -> Step {
    if forbidden { Step::Refuse(AuthorizationError::new(code, description)) } else { step }
}

/// Returns the scopes that the signed-in user has already consented to for the client of the request.
///
/// # Errors
/// When the store fails.
pub async fn consented(
    context: &OAuthContext<'_>,
    request: &AuthorizationRequest,
    signed_in: Option<&SignedIn>,
) -> Result<ScopeSet, OAuthError> {
    let Some(signed_in) = signed_in else { return Ok(ScopeSet::default()) };
    let names = context.store.consented(signed_in.user.id, request.client.client.id.clone()).await?;
    Ok(context.vocabulary.scopes_in(&names.join(" ")))
}

/// Issues a code. With `consent` it also records that the user has just consented. None when the user
/// is no longer signed in.
///
/// # Errors
/// When the store fails.
pub async fn issue_code(
    context: &OAuthContext<'_>,
    request: &AuthorizationRequest,
    signed_in: &SignedIn,
    scope: ScopeSet,
    consent: bool,
    origin: Origin,
) -> Result<Option<AuthorizationCode>, OAuthError> {
    let code = AuthorizationCode::generate(context.random)?;
    let new = NewCode {
        hash: code.hash(),
        client: request.client.client.id.clone(),
        parent: signed_in.session.id,
        user: signed_in.user.id,
        scope,
        binding: CodeBinding {
            redirect_uri: request.target.redirect_uri.clone(),
            code_challenge: request.code_challenge.clone(),
            dpop_jkt: request.dpop_jkt.clone(),
            resource: request.resource.clone(),
        },
        nonce: request.nonce.clone(),
        expires_at: context.clock.now() + CODE_LIFETIME,
        origin,
    };
    let issued = context.store.issue_code(new, consent).await?;
    Ok(issued.then_some(code))
}
