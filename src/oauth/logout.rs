//! Logout at the request of a client (OpenID Connect RP-Initiated Logout 1.0).

use url::Url;

use super::authorization_request::UNKNOWN_CLIENT;
use super::parameters::{DeclaredRequest as _, Parameters, parameters};
use super::{OAuthContext, OAuthError};
use crate::domain::{ClientId, UserId};
use crate::store::StoredClient;

parameters! {
    /// The logout request (OpenID Connect RP-Initiated Logout §2).
    #[schema(as = LogoutRequest)]
    pub struct LogoutParameters {
        /// An ID token of the user. Without it, the user must confirm.
        #[schema(required = false)]
        id_token_hint: String,
        /// The client's id.
        #[schema(required = false, examples("photos"))]
        client_id: String,
        /// The URL to which the browser goes afterwards, exactly as registered.
        #[schema(required = false, format = "uri")]
        post_logout_redirect_uri: String,
        /// An opaque value that is returned unchanged.
        #[schema(required = false, examples("af0ifjsldkj"))]
        state: String,
    }
    example { "client_id": "photos", "state": "af0ifjsldkj" }
}

/// A valid logout request (§2).
pub struct LogoutRequest {
    /// The client, if the request names it.
    pub client: Option<StoredClient>,
    /// The user to sign out, from the `id_token_hint`.
    pub user: Option<UserId>,
    /// Destination of the browser, with the `state`. The client has registered it.
    pub return_to: Option<String>,
}

/// Why a logout request cannot be carried out.
#[derive(Debug)]
pub enum LogoutError {
    /// The user is told on a page; the browser is not redirected.
    Page(&'static str),
    /// The server failed.
    Failure(OAuthError),
}

impl LogoutRequest {
    /// Reads and checks a request. If an `id_token_hint` cannot be read, because its key may be gone, the user is
    /// asked. When nothing else names the client, the browser stays here afterwards (§3).
    ///
    /// # Errors
    /// [`LogoutError::Page`] when the client is unknown, is not the client of the ID token, or has not
    /// registered the address to return to.
    pub async fn read(context: &OAuthContext<'_>, given: &impl Parameters) -> Result<Self, LogoutError> {
        let given = LogoutParameters::read(given);
        let sent_hint = given.id_token_hint.as_deref();
        let hint = sent_hint.and_then(|hint| context.issuer.read_id_token_hint(hint));
        let hinted = hint.as_ref().map(|hint| hint.client_id.as_str());
        let named = given.client_id.as_deref();
        if hinted.is_some() && named.is_some() && hinted != named {
            return Err(LogoutError::Page("The application is not the one that the ID token was for."));
        }
        let client = match named.or(hinted) {
            // The first-party client uses no browser, and has no address to return to.
            None | Some(ClientId::FIRST_PARTY) => None,
            Some(id) => {
                let client = context.find_client(id).await.map_err(LogoutError::Failure)?;
                Some(client.ok_or(LogoutError::Page(UNKNOWN_CLIENT))?)
            }
        };
        let is_client_unreadable = client.is_none() && hint.is_none() && sent_hint.is_some();
        let return_to = given.post_logout_redirect_uri.as_deref().filter(|_| !is_client_unreadable);
        let return_to =
            return_to.map(|uri| return_address(client.as_ref(), uri, given.state.as_deref())).transpose()?;
        Ok(Self { client, user: hint.map(|hint| hint.user), return_to })
    }

    /// Returns an address that the client has registered for the time after a sign-out.
    pub fn address_of_client(&self) -> Option<String> {
        let client = &self.client.as_ref()?.client;
        client.post_logout_redirect_uris.first().map(ToString::to_string)
    }
}

/// Returns the address to return to, matched exactly, with `state` (§3).
fn return_address(
    client: Option<&StoredClient>,
    uri: &str,
    state: Option<&str>,
) -> Result<String, LogoutError> {
    let registered = client.map(|client| client.client.post_logout_redirect_uris.as_slice());
    if !registered.unwrap_or_default().iter().any(|registered| registered.matches(uri)) {
        return Err(LogoutError::Page(
            "The address to return to is not one that the application has registered.",
        ));
    }
    let Some(state) = state else { return Ok(uri.to_owned()) };
    let mut url = Url::parse(uri).map_err(|_| LogoutError::Page("The address to return to is not a URL."))?;
    url.query_pairs_mut().append_pair("state", state);
    Ok(url.into())
}
