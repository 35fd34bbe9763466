//! The authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1), read
//! and checked: what is wrong with the client or its redirect URI is told to the person, on a page;
//! everything else to the client, by a redirect.

use url::Url;

use super::{Means, OAuthError, resource_parameter, scope_parameter};
use crate::authz::{OPENID, ScopeSet};
use crate::domain::{GrantType, Thumbprint, UserId};
use crate::store::StoredClient;

/// Longer than any `state` or `nonce` that is meant seriously.
const MOST_BYTES: usize = 2_048;

/// The parameters of a request, each of which stands once.
pub trait Parameters {
    /// The value of a parameter; one without a value is as one that is left out (RFC 6749 §3.1).
    fn get(&self, name: &str) -> Option<&str>;
}

/// A request that can be answered by a redirect to its client.
pub struct AuthorizationRequest {
    /// The client that asks.
    pub client: StoredClient,
    /// How the answer reaches it.
    pub reply: Reply,
    /// What it asks for; all that it is registered for when nothing is said.
    pub scope: Option<ScopeSet>,
    /// What the ID token is to repeat.
    pub nonce: Option<String>,
    /// The hash of the verifier, by S256.
    pub code_challenge: String,
    /// Whether and how the user is to be asked.
    pub prompt: Prompt,
    /// How many seconds ago the user may have signed in.
    pub max_age: Option<i64>,
    /// The address that the client thinks its user has.
    pub login_hint: Option<String>,
    /// The user whom the client means, by an ID token that it got before.
    pub meant: Option<UserId>,
    /// Where the tokens are to be taken (RFC 8707 §2.1).
    pub resource: Option<String>,
    /// The key to which the tokens are to be bound (RFC 9449 §10).
    pub dpop_jkt: Option<Thumbprint>,
}

/// `prompt` of OpenID Connect Core §3.1.2.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Nothing may be shown.
    pub none: bool,
    /// The user signs in anew.
    pub login: bool,
    /// The user is asked again.
    pub consent: bool,
}

/// The way back to the client, which was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The redirect URI, exactly as the request had it.
    pub redirect_uri: String,
    /// What the client wants to hear again.
    pub state: Option<String>,
}

/// What is wrong with a request.
#[derive(Debug)]
pub enum Wrong {
    /// Nobody can be told but the person who is there: the client is not known, or not where it
    /// wants its answer. In a few words.
    Page(&'static str),
    /// The client is told.
    Client(Reply, AuthorizationError),
    /// The server failed.
    Failure(OAuthError),
}

/// An error that a client is told by a redirect (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorizationError {
    /// The registered code.
    pub code: &'static str,
    /// For whoever writes the client.
    pub description: &'static str,
}

impl AuthorizationError {
    /// An error of this code.
    pub const fn new(code: &'static str, description: &'static str) -> Self {
        Self { code, description }
    }
}

impl Reply {
    /// The redirect URI with these parameters and those that every answer has: `state`, and `iss`
    /// (RFC 9207 §2), so that no answer passes for another server's.
    fn with(&self, issuer: &str, parameters: &[(&str, &str)]) -> String {
        let Ok(mut url) = Url::parse(&self.redirect_uri) else { return self.redirect_uri.clone() };
        let mut query = url.query_pairs_mut();
        query.extend_pairs(parameters);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", issuer);
        drop(query);
        url.into()
    }

    /// Where the browser goes with a code.
    pub fn with_code(&self, issuer: &str, code: &str) -> String {
        self.with(issuer, &[("code", code)])
    }

    /// Where the browser goes with an error.
    pub fn with_error(&self, issuer: &str, error: AuthorizationError) -> String {
        self.with(issuer, &[("error", error.code), ("error_description", error.description)])
    }
}

impl AuthorizationRequest {
    /// Reads and checks a request.
    ///
    /// # Errors
    /// Whom to tell what is wrong.
    pub async fn read(with: &Means<'_>, given: &impl Parameters) -> Result<Self, Wrong> {
        let (client, redirect_uri) = client_and_redirect_uri(with, given).await?;
        let state = given.get("state").map(str::to_owned);
        let reply = Reply { redirect_uri, state: state.filter(|state| state.len() <= MOST_BYTES) };
        if given.get("state").is_some() != reply.state.is_some() {
            return Err(Wrong::Client(reply, invalid("state is too long")));
        }
        match Self::read_for(with, given, client, reply.clone()) {
            Ok(request) => Ok(request),
            Err(error) => Err(Wrong::Client(reply, error)),
        }
    }

    fn read_for(
        with: &Means<'_>,
        given: &impl Parameters,
        client: StoredClient,
        reply: Reply,
    ) -> Result<Self, AuthorizationError> {
        if !client.client.grants.contains(&GrantType::AuthorizationCode) {
            return Err(AuthorizationError::new("unauthorized_client", "the client may not use this grant"));
        }
        check_kind(given)?;
        let scope = given.get("scope").map(|list| scope_parameter(list, with.vocabulary)).transpose();
        let scope =
            scope.map_err(|_| AuthorizationError::new("invalid_scope", "scope is no list of scopes"))?;
        if scope.as_ref().is_some_and(|scope| scope.contains(OPENID)) && !with.issuer.signs_id_tokens() {
            return Err(AuthorizationError::new("invalid_scope", "this server signs no ID tokens"));
        }
        let resource = resource_parameter(given.get("resource"), with.resources).map_err(|_| {
            AuthorizationError::new("invalid_target", "this server issues no tokens for the resource")
        })?;
        let max_age = given.get("max_age").map(|seconds| seconds.parse().ok().filter(|age: &i64| *age >= 0));
        let max_age = match max_age {
            Some(None) => return Err(invalid("max_age is no number of seconds")),
            age => age.flatten(),
        };
        let short = |name: &str| -> Result<Option<String>, AuthorizationError> {
            match given.get(name) {
                Some(text) if text.len() > MOST_BYTES => Err(invalid("a parameter is too long")),
                text => Ok(text.map(str::to_owned)),
            }
        };
        let hint = given.get("id_token_hint").map(|hint| with.issuer.read_id_token_hint(hint));
        let meant = match hint {
            Some(None) => return Err(invalid("id_token_hint is no ID token of this server")),
            hint => hint.flatten().map(|hint| hint.user),
        };
        let (nonce, login_hint) = (short("nonce")?, short("login_hint")?);
        let dpop_jkt = match given.get("dpop_jkt").map(Thumbprint::parse) {
            Some(None) => return Err(invalid("dpop_jkt is no thumbprint")),
            jkt => jkt.flatten(),
        };
        Ok(Self {
            client,
            reply,
            scope,
            nonce,
            code_challenge: code_challenge(given)?,
            prompt: prompt(given.get("prompt").unwrap_or_default())?,
            max_age,
            login_hint,
            meant,
            resource,
            dpop_jkt,
        })
    }
}

const fn invalid(description: &'static str) -> AuthorizationError {
    AuthorizationError::new("invalid_request", description)
}

/// What a person is told of a client that nobody registered.
pub(super) const UNKNOWN_CLIENT: &str = "The application that sent you here is not registered.";

/// Who asks and where the answer goes. Nothing is sent anywhere before both are known (RFC 9700
/// §4.11).
async fn client_and_redirect_uri(
    with: &Means<'_>,
    given: &impl Parameters,
) -> Result<(StoredClient, String), Wrong> {
    let id = given.get("client_id").unwrap_or_default();
    let client = with.client_named(id).await.map_err(Wrong::Failure)?.ok_or(Wrong::Page(UNKNOWN_CLIENT))?;
    let asked = given.get("redirect_uri");
    let asked = asked.ok_or(Wrong::Page("The application did not say where you should return to."))?;
    if !client.client.redirect_uris.iter().any(|registered| registered.matches(asked)) {
        return Err(Wrong::Page("The address to return to is not one that the application has registered."));
    }
    Ok((client, asked.to_owned()))
}

/// Codes alone are issued, and they come in the query.
fn check_kind(given: &impl Parameters) -> Result<(), AuthorizationError> {
    let unsupported = [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
    ];
    if let Some((_, code)) = unsupported.into_iter().find(|(name, _)| given.get(name).is_some()) {
        return Err(AuthorizationError::new(code, "the parameter is not supported"));
    }
    match given.get("response_type") {
        Some("code") => {}
        Some(_) => {
            return Err(AuthorizationError::new("unsupported_response_type", "response_type must be code"));
        }
        None => return Err(invalid("response_type is missing")),
    }
    match given.get("response_mode") {
        None | Some("query") => Ok(()),
        Some(_) => Err(invalid("response_mode must be query")),
    }
}

/// S256, which cannot be left out, and to which nothing can be downgraded (RFC 9700 §2.1.1).
fn code_challenge(given: &impl Parameters) -> Result<String, AuthorizationError> {
    let challenge = given.get("code_challenge").ok_or(invalid("code_challenge is missing"))?;
    if given.get("code_challenge_method") != Some("S256") {
        return Err(invalid("code_challenge_method must be S256"));
    }
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if challenge.len() != 43 || !challenge.bytes().all(base64url) {
        return Err(invalid("code_challenge is no SHA-256 in base64url"));
    }
    Ok(challenge.to_owned())
}

fn prompt(values: &str) -> Result<Prompt, AuthorizationError> {
    let mut prompt = Prompt::default();
    for value in values.split(' ').filter(|value| !value.is_empty()) {
        match value {
            "none" => prompt.none = true,
            // Who is to choose an account signs in with it.
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            _ => return Err(invalid("prompt is none of none, login, consent, select_account")),
        }
    }
    if prompt.none && (prompt.login || prompt.consent) {
        return Err(invalid("prompt=none stands alone"));
    }
    Ok(prompt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_keeps_what_the_redirect_uri_has_and_says_whose_it_is() {
        let reply = Reply {
            redirect_uri: "https://app.example.org/cb?tenant=1".to_owned(),
            state: Some("a b&c".to_owned()),
        };
        assert_eq!(
            reply.with_code("https://id.example.org", "xyz"),
            "https://app.example.org/cb?tenant=1&code=xyz&state=a+b%26c&iss=https%3A%2F%2Fid.example.org"
        );
        let native = Reply { redirect_uri: "org.example.app:/cb".to_owned(), state: None };
        assert_eq!(native.with_code("https://id", "x"), "org.example.app:/cb?code=x&iss=https%3A%2F%2Fid");
    }

    #[test]
    fn prompt_none_stands_alone() {
        assert_eq!(prompt("").unwrap(), Prompt::default());
        assert_eq!(prompt("login consent").unwrap(), Prompt { none: false, login: true, consent: true });
        assert!(prompt("none").unwrap().none);
        for wrong in ["none login", "consent none", "create", "None"] {
            assert!(prompt(wrong).is_err(), "{wrong}");
        }
    }
}
