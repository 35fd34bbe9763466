//! The authorization response: a redirect to the client with a code or an error (RFC 6749 §4.1.2).

use url::Url;

/// Checked redirect URI of the client, with the `state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectTarget {
    /// The redirect URI, exactly as the request had it.
    pub redirect_uri: String,
    /// Value that the response repeats.
    pub state: Option<String>,
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
    /// Returns the redirect URI with these parameters, `state` and `iss`. `iss` prevents mix-up attacks
    /// (RFC 9207 §2).
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

    /// Returns the redirect URI with a code.
    pub fn with_code(&self, issuer: &str, code: &str) -> String {
        self.with(issuer, &[("code", code)])
    }

    /// Returns the redirect URI with an error.
    pub fn with_error(&self, issuer: &str, error: AuthorizationError) -> String {
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
        };
        assert_eq!(
            target.with_code("https://id.example.org", "xyz"),
            "https://app.example.org/cb?tenant=1&code=xyz&state=a+b%26c&iss=https%3A%2F%2Fid.example.org"
        );
        let native = RedirectTarget { redirect_uri: "org.example.app:/cb".to_owned(), state: None };
        assert_eq!(native.with_code("https://id", "x"), "org.example.app:/cb?code=x&iss=https%3A%2F%2Fid");
    }
}
