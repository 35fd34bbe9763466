//! What has to happen before a client gets in: the user signs in, agrees, and a code is issued.

use chrono::{DateTime, TimeDelta, Utc};

use super::authorization_request::{AuthorizationError, AuthorizationRequest};
use super::{Means, OAuthError, registered};
use crate::authz::{ScopeSet, Vocabulary};
use crate::domain::{AuthorizationCode, Origin};
use crate::store::{CodeBinding, NewCode, SignedIn};

/// How long a code is good for (RFC 6749 §4.1.2 allows ten minutes).
const CODE_LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// The next step of an authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The user has to sign in, or to sign in anew.
    SignIn,
    /// The user has to agree to this; what of it is new to them.
    Consent {
        /// All that the client would get.
        scope: ScopeSet,
        /// What it did not have before.
        new: ScopeSet,
    },
    /// The client gets a code for this.
    Issue(ScopeSet),
    /// The client is told why not.
    Refuse(AuthorizationError),
}

/// What is known when the step is decided.
pub struct Situation<'a> {
    /// Who is signed in in this browser.
    pub signed_in: Option<&'a SignedIn>,
    /// What they let this client do already.
    pub consented: &'a ScopeSet,
    /// The time.
    pub now: DateTime<Utc>,
}

/// Decides the next step. A public client is anybody who says to be it, so its user is always asked
/// (RFC 9700 §4.13, RFC 8252 §8.6).
pub fn next_step(request: &AuthorizationRequest, situation: &Situation<'_>, vocabulary: &Vocabulary) -> Step {
    let prompt = request.prompt;
    let signed_in = situation.signed_in.filter(|signed_in| {
        let age = situation.now - signed_in.session.auth_time;
        let fresh = request.max_age.is_none_or(|most| age.num_seconds() <= most);
        fresh && request.meant.is_none_or(|meant| meant == signed_in.user.id)
    });
    let Some(signed_in) = signed_in.filter(|_| !prompt.login) else {
        return asking(prompt.none, Step::SignIn, "login_required", "the user has to sign in");
    };
    let grantable =
        registered(&request.client, vocabulary).intersection(&vocabulary.granted_by(&signed_in.user.roles));
    let scope =
        request.scope.as_ref().map_or_else(|| grantable.clone(), |asked| asked.intersection(&grantable));
    if scope.is_empty() {
        return Step::Refuse(AuthorizationError::new("invalid_scope", "none of the scopes can be granted"));
    }
    let new = scope.difference(situation.consented);
    if prompt.consent || request.client.client.is_public() || !new.is_empty() {
        return asking(
            prompt.none,
            Step::Consent { scope, new },
            "consent_required",
            "the user has to agree",
        );
    }
    Step::Issue(scope)
}

fn asking(may_not: bool, step: Step, code: &'static str, description: &'static str) -> Step {
    if may_not { Step::Refuse(AuthorizationError::new(code, description)) } else { step }
}

/// What the user who is signed in lets the client of the request do already.
///
/// # Errors
/// When the store fails.
pub async fn consented(
    with: &Means<'_>,
    request: &AuthorizationRequest,
    signed_in: Option<&SignedIn>,
) -> Result<ScopeSet, OAuthError> {
    let Some(signed_in) = signed_in else { return Ok(ScopeSet::default()) };
    let names = with.store.consented(signed_in.user.id, request.client.client.id.clone()).await?;
    Ok(with.vocabulary.scopes_in(&names.join(" ")))
}

/// Issues a code, and with `consent` remembers that the user has just agreed. None when the user is
/// no longer signed in.
///
/// # Errors
/// When the store fails.
pub async fn issue_code(
    with: &Means<'_>,
    request: &AuthorizationRequest,
    signed_in: &SignedIn,
    scope: ScopeSet,
    consent: bool,
    origin: Origin,
) -> Result<Option<AuthorizationCode>, OAuthError> {
    let code = AuthorizationCode::generate(with.random)?;
    let new = NewCode {
        hash: code.hash(),
        client: request.client.client.id.clone(),
        parent: signed_in.session.id,
        user: signed_in.user.id,
        scope,
        binding: CodeBinding {
            redirect_uri: request.reply.redirect_uri.clone(),
            code_challenge: request.code_challenge.clone(),
            dpop_jkt: request.dpop_jkt.clone(),
            resource: request.resource.clone(),
        },
        nonce: request.nonce.clone(),
        expires_at: with.clock.now() + CODE_LIFETIME,
        origin,
    };
    let issued = with.store.issue_code(new, consent).await?;
    Ok(issued.then_some(code))
}
