//! Logout at the request of a client (OpenID Connect RP-Initiated Logout 1.0).

use url::Url;

use super::authorization_request::{Parameters, UNKNOWN_CLIENT};
use super::{OAuthContext, OAuthError};
use crate::domain::{ClientId, UserId};
use crate::store::StoredClient;

/// A logout request (§2).
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
        let sent_hint = given.get("id_token_hint");
        let hint = sent_hint.and_then(|hint| context.issuer.read_id_token_hint(hint));
        let hinted = hint.as_ref().map(|hint| hint.client_id.as_str());
        let named = given.get("client_id");
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
        let return_to = given.get("post_logout_redirect_uri").filter(|_| !is_client_unreadable);
        let return_to =
            return_to.map(|uri| return_address(client.as_ref(), uri, given.get("state"))).transpose()?;
        Ok(Self { client, user: hint.map(|hint| hint.user), return_to })
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
