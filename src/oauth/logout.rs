//! Signing out at the wish of a client (OpenID Connect RP-Initiated Logout 1.0).

use url::Url;

use super::authorization_request::{Parameters, UNKNOWN_CLIENT};
use super::{Means, OAuthError};
use crate::domain::{ClientId, UserId};
use crate::store::StoredClient;

/// A request to sign somebody out (§2).
pub struct LogoutRequest {
    /// The client that asks, if it says so.
    pub client: Option<StoredClient>,
    /// Who is to be signed out, by an ID token that the client got.
    pub user: Option<UserId>,
    /// Where the browser goes afterwards: registered by the client, with its `state`.
    pub back: Option<String>,
}

/// What is wrong with such a request.
#[derive(Debug)]
pub enum WrongLogout {
    /// The person who is there is told, on a page; nobody is sent anywhere.
    Page(&'static str),
    /// The server failed.
    Failure(OAuthError),
}

impl LogoutRequest {
    /// Reads and checks a request. An `id_token_hint` that cannot be read (its key may be gone) is
    /// as one that is left out: the person is asked.
    ///
    /// # Errors
    /// [`WrongLogout::Page`] when the client is unknown, is not the one of the ID token, or wants
    /// the browser back where it did not register to.
    pub async fn read(with: &Means<'_>, given: &impl Parameters) -> Result<Self, WrongLogout> {
        let hint = given.get("id_token_hint").and_then(|hint| with.issuer.read_id_token_hint(hint));
        let hinted = hint.as_ref().map(|hint| hint.client_id.as_str());
        let named = given.get("client_id");
        if hinted.is_some() && named.is_some() && hinted != named {
            return Err(WrongLogout::Page("The application is not the one that the ID token was for."));
        }
        let client = match named.or(hinted) {
            // It signs its users in without a browser, and has nowhere to send one.
            None | Some(ClientId::FIRST_PARTY) => None,
            Some(id) => {
                let client = with.client_named(id).await.map_err(WrongLogout::Failure)?;
                Some(client.ok_or(WrongLogout::Page(UNKNOWN_CLIENT))?)
            }
        };
        let back = given.get("post_logout_redirect_uri");
        let back = back.map(|uri| way_back(client.as_ref(), uri, given.get("state"))).transpose()?;
        Ok(Self { client, user: hint.map(|hint| hint.user), back })
    }
}

/// The address to return to, matched exactly, with `state` (§3).
fn way_back(client: Option<&StoredClient>, uri: &str, state: Option<&str>) -> Result<String, WrongLogout> {
    let registered = client.map(|client| client.client.post_logout_redirect_uris.as_slice());
    if !registered.unwrap_or_default().iter().any(|registered| registered.matches(uri)) {
        return Err(WrongLogout::Page(
            "The address to return to is not one that the application has registered.",
        ));
    }
    let Some(state) = state else { return Ok(uri.to_owned()) };
    let mut url = Url::parse(uri).map_err(|_| WrongLogout::Page("The address to return to is none."))?;
    url.query_pairs_mut().append_pair("state", state);
    Ok(url.into())
}
