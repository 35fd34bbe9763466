//! The two cookies (RFC 6265bis), each with a secret of 256 bits.

use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};

use crate::domain::BrowserSecret;

/// Cookie of the browser's session. With this prefix, a browser accepts it only from this host, only over TLS
/// or from a loopback address, and for all paths.
pub const SESSION: &str = "__Host-cloakroom";

/// Cookie that binds CSRF tokens to the browser.
pub const FORMS: &str = "__Host-cloakroom-csrf";

/// Error: the browser sent two cookies of one name. The server cannot know which one it set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentTwice;

/// Returns the secret in the cookie of this name; `None` when there is no such cookie, or its value is not a
/// secret.
///
/// Names are compared without decoding. A parser that decodes `%5F`, or trims more than spaces and tabs,
/// would accept as `__Host-` a cookie that the browser let another host set.
pub fn read(headers: &HeaderMap, name: &str) -> Result<Option<BrowserSecret>, SentTwice> {
    let mut values = headers
        .get_all(header::COOKIE)
        .flat_map(|header| header.as_bytes().split(|byte| *byte == b';'))
        .map(trimmed)
        .filter_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    let value = values.next();
    if values.next().is_some() {
        return Err(SentTwice);
    }
    Ok(value.and_then(|value| std::str::from_utf8(value).ok()).and_then(BrowserSecret::parse))
}

fn trimmed(mut pair: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = pair {
        pair = rest;
    }
    pair
}

/// `Set-Cookie` header. It may contain a secret, so it has no `Debug` output.
pub struct SetCookie(String);

impl SetCookie {
    /// Sets the session, until the browser ends or for a lifetime.
    pub fn session(secret: &BrowserSecret, lifetime: Option<Duration>) -> Self {
        Self::new(SESSION, secret.expose(), lifetime)
    }

    /// Removes the session.
    pub fn end_session() -> Self {
        Self::new(SESSION, "", Some(Duration::ZERO))
    }

    /// Sets the secret of the CSRF tokens.
    pub(crate) fn forms(secret: &BrowserSecret) -> Self {
        Self::new(FORMS, secret.expose(), None)
    }

    fn new(name: &str, value: &str, lifetime: Option<Duration>) -> Self {
        let lifetime = lifetime.map(|lifetime| format!("; Max-Age={}", lifetime.as_secs()));
        let lifetime = lifetime.unwrap_or_default();
        Self(format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{lifetime}"))
    }

    /// Returns the header's value.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    const A: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const B: &str = "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn headers(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::COOKIE, HeaderValue::from_bytes(cookie.as_bytes()).unwrap());
        }
        headers
    }

    fn session(cookies: &[&str]) -> Result<Option<String>, SentTwice> {
        Ok(read(&headers(cookies), SESSION)?.map(|secret| secret.expose().to_owned()))
    }

    #[test]
    fn finds_a_cookie_among_others() {
        let among = format!("a; =b; theme=dark;\t{FORMS}={B} ; {SESSION}={A};; x=é");
        assert_eq!(session(&[&among]), Ok(Some(A.to_owned())));
        assert_eq!(session(&["theme=dark", &format!("{SESSION}={A}")]), Ok(Some(A.to_owned())));
        assert_eq!(session(&[]), Ok(None));
    }

    #[test]
    fn ignores_a_cookie_with_a_similar_name() {
        for other in
            ["__host-cloakroom", "%5F%5FHost-cloakroom", "\u{2003}__Host-cloakroom", "__Host-cloakroom "]
        {
            assert_eq!(session(&[&format!("{other}={A}")]), Ok(None), "{other:?}");
        }
    }

    #[test]
    fn refuses_two_cookies_of_one_name() {
        for second in [A, B, "", "x"] {
            assert_eq!(session(&[&format!("{SESSION}={A}; {SESSION}={second}")]), Err(SentTwice));
            assert_eq!(session(&[&format!("{SESSION}={A}"), &format!("{SESSION}={second}")]), Err(SentTwice));
        }
    }

    #[test]
    fn ignores_a_value_that_is_not_a_secret() {
        for value in ["", "x", &A[1..], &format!("{A}A"), &format!("\"{A}\""), "é"] {
            assert_eq!(session(&[&format!("{SESSION}={value}")]), Ok(None), "{value}");
        }
    }

    #[test]
    fn a_cookie_is_host_only_secure_and_http_only() {
        let secret = BrowserSecret::parse(A).unwrap();
        assert_eq!(
            SetCookie::session(&secret, None).as_str(),
            format!("__Host-cloakroom={A}; Path=/; Secure; HttpOnly; SameSite=Lax")
        );
        assert_eq!(
            SetCookie::session(&secret, Some(Duration::from_secs(3600))).as_str(),
            format!("__Host-cloakroom={A}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600")
        );
        assert_eq!(
            SetCookie::end_session().as_str(),
            "__Host-cloakroom=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
        );
    }
}
