//! The authorization response: the browser goes to the client with a code or an error (RFC 6749 §4.1.2), by a redirect
//! or by a form (OAuth 2.0 Form Post Response Mode).

use url::Url;

/// Checked redirect URI of the client, with the `state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectTarget {
    /// The redirect URI, exactly as the request had it.
    pub redirect_uri: String,
    /// Value that the response repeats.
    pub state: Option<String>,
    /// How the browser takes the response there.
    pub mode: ResponseMode,
}

/// How the browser takes the response to the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In a form that is sent to the redirect URI.
    FormPost,
}

impl ResponseMode {
    /// Every mode, by its registered name.
    pub const ALL: [(&'static str, Self); 2] = [("query", Self::Query), ("form_post", Self::FormPost)];

    /// Returns the mode of this name, and the query without a name. None for an unknown name.
    pub(super) fn named(name: Option<&str>) -> Option<Self> {
        let Some(name) = name else { return Some(Self::Query) };
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, mode)| mode)
    }
}

/// An authorization response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizationResponse {
    /// A redirect to this URL.
    Redirect(String),
    /// A form with these fields, sent to this URL.
    Form(String, Vec<(&'static str, String)>),
}

/// An error that a client gets by a redirect (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorizationError {
    /// The registered code.
    pub code: &'static str,
    /// Explanation for the developer of the client.
    pub description: &'static str,
}

impl AuthorizationError {
    /// Returns an error with this code.
    pub const fn new(code: &'static str, description: &'static str) -> Self {
        Self { code, description }
    }
}

impl RedirectTarget {
    /// True unless a form should go to an app on the device, which no browser does.
    pub(super) fn can_be_reached(&self) -> bool {
        self.mode == ResponseMode::Query
            || Url::parse(&self.redirect_uri).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
    }

    /// Returns the response with these parameters, `state` and `iss`. `iss` prevents mix-up attacks (RFC 9207 §2).
    fn with(&self, issuer: &str, parameters: &[(&'static str, &str)]) -> AuthorizationResponse {
        let state = self.state.iter().map(|state| ("state", state.as_str()));
        let all = parameters.iter().copied().chain(state).chain([("iss", issuer)]);
        match (self.mode, Url::parse(&self.redirect_uri)) {
            (ResponseMode::FormPost, _) => {
                let fields = all.map(|(name, value)| (name, value.to_owned())).collect();
                AuthorizationResponse::Form(self.redirect_uri.clone(), fields)
            }
            (ResponseMode::Query, Ok(mut url)) => {
                url.query_pairs_mut().extend_pairs(all);
                AuthorizationResponse::Redirect(url.into())
            }
            (ResponseMode::Query, Err(_)) => AuthorizationResponse::Redirect(self.redirect_uri.clone()),
        }
    }

    /// Returns the response with a code.
    pub fn with_code(&self, issuer: &str, code: &str) -> AuthorizationResponse {
        self.with(issuer, &[("code", code)])
    }

    /// Returns the response with an error.
    pub fn with_error(&self, issuer: &str, error: AuthorizationError) -> AuthorizationResponse {
        self.with(issuer, &[("error", error.code), ("error_description", error.description)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_keeps_the_query_of_the_redirect_uri_and_adds_iss() {
        let target = RedirectTarget {
            redirect_uri: "https://app.example.org/cb?tenant=1".to_owned(),
            state: Some("a b&c".to_owned()),
            mode: ResponseMode::Query,
        };
        let to = |url: &str| AuthorizationResponse::Redirect(url.to_owned());
        assert_eq!(
            target.with_code("https://id.example.org", "xyz"),
            to("https://app.example.org/cb?tenant=1&code=xyz&state=a+b%26c&iss=https%3A%2F%2Fid.example.org")
        );
        let native = RedirectTarget {
            redirect_uri: "org.example.app:/cb".to_owned(),
            state: None,
            mode: ResponseMode::Query,
        };
        assert_eq!(
            native.with_code("https://id", "x"),
            to("org.example.app:/cb?code=x&iss=https%3A%2F%2Fid")
        );
        assert!(native.can_be_reached());
        assert!(!RedirectTarget { mode: ResponseMode::FormPost, ..native }.can_be_reached());
    }
}
