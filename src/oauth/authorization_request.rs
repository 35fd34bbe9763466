//! The authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1).
//!
//! A wrong client or redirect URI is shown to the user on a page. Every other error goes to the client,
//! by a redirect.

use super::authorization_parameters::AuthorizationParameters;
use super::authorization_response::{AuthorizationError, RedirectTarget, ResponseMode};
use super::parameters::{DeclaredRequest as _, Parameters};
use super::{OAuthContext, OAuthError, optional_scope};
use crate::authz::{OPENID, ScopeSet};
use crate::domain::{GrantType, Thumbprint, UserId, parse_number};
use crate::store::StoredClient;

/// Longest `nonce` or `login_hint`, in bytes.
const MAX_BYTES: usize = 2_048;

/// Longest `state`, in bytes. Some libraries keep there all that they need after the return.
const MAX_STATE_BYTES: usize = 4_096;

/// A valid request.
pub struct AuthorizationRequest {
    /// The client.
    pub client: StoredClient,
    /// Destination of the response.
    pub target: RedirectTarget,
    /// Requested scopes; none means all that the client is registered for.
    pub scope: Option<ScopeSet>,
    /// Value that the ID token repeats.
    pub nonce: Option<String>,
    /// PKCE challenge, by S256.
    pub code_challenge: String,
    /// Which interaction with the user is required or forbidden.
    pub prompt: Prompt,
    /// Most seconds since the user signed in.
    pub max_age: Option<i64>,
    /// E-mail address of the user, as the client supposes it.
    pub login_hint: Option<String>,
    /// The user that the client expects, from its `id_token_hint`.
    pub hinted_user: Option<UserId>,
    /// Resource that the tokens are for (RFC 8707 §2.1).
    pub resource: Option<String>,
    /// Thumbprint of the key that the tokens must be bound to (RFC 9449 §10).
    pub dpop_jkt: Option<Thumbprint>,
}

/// `prompt` of OpenID Connect Core §3.1.2.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// No page may be shown.
    pub none: bool,
    /// The user must sign in again.
    pub login: bool,
    /// The user must consent again.
    pub consent: bool,
    /// The user creates an account (Initiating User Registration via OpenID Connect 1.0).
    pub create: bool,
}

/// Why a request is refused.
#[derive(Debug)]
pub enum RequestError {
    /// The user is told in this sentence, on a page: the client or its redirect URI is not registered.
    Page(&'static str),
    /// The client is told, by a redirect.
    Client(RedirectTarget, AuthorizationError),
    /// The server failed.
    Failure(OAuthError),
}

impl AuthorizationRequest {
    /// Reads and checks a request.
    ///
    /// # Errors
    /// The reason, and who is told: the user or the client.
    pub async fn read(context: &OAuthContext<'_>, given: &impl Parameters) -> Result<Self, RequestError> {
        let given = AuthorizationParameters::read(given);
        let (client, redirect_uri) = client_and_redirect_uri(context, &given).await?;
        let mode = ResponseMode::named(given.response_mode.as_deref());
        let target = RedirectTarget {
            redirect_uri,
            state: given.state.clone().filter(|state| state.len() <= MAX_STATE_BYTES),
            mode: mode.unwrap_or_default(),
        };
        if given.state.is_some() != target.state.is_some() {
            return Err(RequestError::Client(target, invalid("state is too long")));
        }
        if mode.is_none() {
            return Err(RequestError::Client(target, invalid("response_mode must be query or form_post")));
        }
        if !target.can_be_reached() {
            let target = RedirectTarget { mode: ResponseMode::Query, ..target };
            return Err(RequestError::Client(
                target,
                invalid("form_post needs an http or https redirect URI"),
            ));
        }
        match Self::read_for(context, &given, client, target.clone()) {
            Ok(request) => Ok(request),
            Err(error) => Err(RequestError::Client(target, error)),
        }
    }

    fn read_for(
        context: &OAuthContext<'_>,
        given: &AuthorizationParameters,
        client: StoredClient,
        target: RedirectTarget,
    ) -> Result<Self, AuthorizationError> {
        if !client.client.grants.contains(&GrantType::AuthorizationCode) {
            return Err(AuthorizationError::new("unauthorized_client", "the client may not use this grant"));
        }
        check_response_type(given)?;
        let scope = optional_scope(given.scope.as_deref(), context.vocabulary);
        let scope =
            scope.map_err(|_| AuthorizationError::new("invalid_scope", "scope is not a list of scopes"))?;
        if scope.as_ref().is_some_and(|scope| scope.contains(OPENID)) && !context.issuer.signs_id_tokens() {
            return Err(AuthorizationError::new("invalid_scope", "this server signs no ID tokens"));
        }
        let resource = context.resource_parameter(given.resource.as_deref()).map_err(|_| {
            AuthorizationError::new("invalid_target", "this server issues no tokens for the resource")
        })?;
        let max_age = given.max_age.as_deref();
        let max_age = max_age.map(|seconds| parse_number(seconds).filter(|age: &i64| *age >= 0));
        let max_age = match max_age {
            Some(None) => return Err(invalid("max_age is not a number of seconds")),
            age => age.flatten(),
        };
        // A hint that cannot be read, because its key is gone, hints at nobody.
        let hint = given.id_token_hint.as_deref();
        let hint = hint.and_then(|hint| context.issuer.read_id_token_hint(hint));
        let (nonce, login_hint) = (bounded(given.nonce.clone())?, bounded(given.login_hint.clone())?);
        let dpop_jkt = match given.dpop_jkt.as_deref().map(Thumbprint::parse) {
            Some(None) => return Err(invalid("dpop_jkt is not a thumbprint")),
            jkt => jkt.flatten(),
        };
        Ok(Self {
            client,
            target,
            scope,
            nonce,
            code_challenge: code_challenge(given)?,
            prompt: prompt(given.prompt.as_deref().unwrap_or_default(), context.registration_open)?,
            max_age,
            login_hint,
            hinted_user: hint.map(|hint| hint.user),
            resource,
            dpop_jkt,
        })
    }
}

const fn invalid(description: &'static str) -> AuthorizationError {
    AuthorizationError::new("invalid_request", description)
}

/// Returns the text of a parameter, if it can be stored.
fn bounded(text: Option<String>) -> Result<Option<String>, AuthorizationError> {
    match text {
        Some(text) if text.len() > MAX_BYTES => Err(invalid("a parameter is too long")),
        // PostgreSQL cannot store it, and the code keeps the nonce.
        Some(text) if text.contains('\0') => Err(invalid("a parameter contains U+0000")),
        text => Ok(text),
    }
}

/// Sentence for the user when the client is not registered.
pub(super) const UNKNOWN_CLIENT: &str = "The application that sent you here is not registered.";

/// Returns the client and its redirect URI. The browser is redirected only when both are registered
/// (RFC 9700 §4.11).
async fn client_and_redirect_uri(
    context: &OAuthContext<'_>,
    given: &AuthorizationParameters,
) -> Result<(StoredClient, String), RequestError> {
    let id = given.client_id.as_deref().unwrap_or_default();
    let client = context
        .find_client(id)
        .await
        .map_err(RequestError::Failure)?
        .ok_or(RequestError::Page(UNKNOWN_CLIENT))?;
    let requested = given.redirect_uri.as_deref();
    let requested =
        requested.ok_or(RequestError::Page("The application did not say where you should return to."))?;
    let is_registered = client.client.redirect_uris.iter().any(|registered| registered.matches(requested));
    if !is_registered && !fault!(redirect_uri_not_compared) {
        return Err(RequestError::Page(
            "The address to return to is not one that the application has registered.",
        ));
    }
    Ok((client, requested.to_owned()))
}

/// Checks that the client wants a code. The server supports nothing else.
fn check_response_type(given: &AuthorizationParameters) -> Result<(), AuthorizationError> {
    let unsupported = [
        (&given.request, "request_not_supported"),
        (&given.request_uri, "request_uri_not_supported"),
        (&given.registration, "registration_not_supported"),
    ];
    if let Some((_, code)) = unsupported.into_iter().find(|(value, _)| value.is_some()) {
        return Err(AuthorizationError::new(code, "the parameter is not supported"));
    }
    match given.response_type.as_deref() {
        Some("code") => Ok(()),
        Some(_) => Err(AuthorizationError::new("unsupported_response_type", "response_type must be code")),
        None => Err(invalid("response_type is missing")),
    }
}

/// Reads the PKCE challenge. It is required, and S256 alone, so that no attacker can downgrade it
/// (RFC 9700 §2.1.1).
fn code_challenge(given: &AuthorizationParameters) -> Result<String, AuthorizationError> {
    if fault!(pkce_not_required) && given.code_challenge.is_none() {
        return Ok(String::new());
    }
    let challenge = given.code_challenge.as_deref().ok_or(invalid("code_challenge is missing"))?;
    if given.code_challenge_method.as_deref() != Some("S256") {
        return Err(invalid("code_challenge_method must be S256"));
    }
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if challenge.len() != 43 || !challenge.bytes().all(base64url) {
        return Err(invalid("code_challenge is not a SHA-256 hash in base64url"));
    }
    Ok(challenge.to_owned())
}

/// Reads `prompt`. `create` is a value only while registration is open.
fn prompt(values: &str, registration_open: bool) -> Result<Prompt, AuthorizationError> {
    let mut prompt = Prompt::default();
    for value in values.split(' ').filter(|value| !value.is_empty()) {
        match value {
            "none" => prompt.none = true,
            // A user chooses an account by signing in with it.
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            "create" if registration_open => prompt.create = true,
            "create" => return Err(invalid("prompt=create is not possible, because registration is closed")),
            _ => return Err(invalid("prompt must be none, login, consent, select_account or create")),
        }
    }
    if prompt.none && (prompt.login || prompt.consent || prompt.create) {
        return Err(invalid("prompt=none excludes other values"));
    }
    Ok(prompt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompt_none_excludes_other_values() {
        let prompt = |values| prompt(values, true);
        assert_eq!(prompt("").unwrap(), Prompt::default());
        assert_eq!(
            prompt("login consent").unwrap(),
            Prompt { login: true, consent: true, ..Prompt::default() }
        );
        assert!(prompt("none").unwrap().none && prompt("create").unwrap().create);
        for wrong in ["none login", "consent none", "create none", "Create", "None"] {
            assert!(prompt(wrong).is_err(), "{wrong}");
        }
        assert!(super::prompt("create", false).is_err());
    }
}
