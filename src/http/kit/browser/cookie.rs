//! The two cookies (RFC 6265bis), each with a secret of 256 bits.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use url::Url;

use crate::domain::BrowserSecret;

/// Cookie of the browser's session, where the server has TLS. With this prefix, a browser accepts it only from this
/// host, only over TLS, and for all paths.
pub const SESSION: &str = "__Host-cloakroom";

/// Cookie that binds CSRF tokens to the browser.
const FORMS: &str = "__Host-cloakroom-csrf";

/// Prefix that a browser enforces. Without TLS, a cookie has the port in its place: servers on one loopback address
/// share their cookies, and several run there during development and tests.
const HOST_PREFIX: &str = "__Host-";

/// Error: the browser sent two cookies of one name. The server cannot know which one it set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentTwice;

/// The names and attributes of the cookies of a server. A server without TLS listens on a loopback address alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookies {
    has_tls: bool,
    /// Port of the server's URL, if it names one.
    port: Option<u16>,
}

impl Cookies {
    /// Returns the cookies of the server at this URL.
    pub(crate) fn of(issuer: &str) -> Self {
        let port = Url::parse(issuer).ok().and_then(|url| url.port());
        Self { has_tls: issuer.starts_with("https://"), port }
    }

    /// Returns the name of the session's cookie.
    pub(crate) fn session_name(self) -> Cow<'static, str> {
        self.name(SESSION)
    }

    fn forms_name(self) -> Cow<'static, str> {
        self.name(FORMS)
    }

    fn name(self, with_tls: &'static str) -> Cow<'static, str> {
        if self.has_tls {
            return with_tls.into();
        }
        let plain = with_tls.trim_start_matches(HOST_PREFIX);
        self.port.map_or(plain.into(), |port| format!("{plain}-{port}").into())
    }

    /// Reads the secret of the session.
    pub(crate) fn read_session(self, headers: &HeaderMap) -> Result<Option<BrowserSecret>, SentTwice> {
        read(headers, &self.session_name())
    }

    /// Reads the secret of the CSRF tokens.
    pub(super) fn read_forms(self, headers: &HeaderMap) -> Result<Option<BrowserSecret>, SentTwice> {
        read(headers, &self.forms_name())
    }

    /// Sets the session, until the browser ends or for a lifetime.
    pub(crate) fn session(self, secret: &BrowserSecret, lifetime: Option<Duration>) -> SetCookie {
        self.set(&self.session_name(), secret.expose(), lifetime)
    }

    /// Removes the session.
    pub(crate) fn end_session(self) -> SetCookie {
        self.set(&self.session_name(), "", Some(Duration::ZERO))
    }

    /// Sets the secret of the CSRF tokens.
    pub(super) fn forms(self, secret: &BrowserSecret) -> SetCookie {
        self.set(&self.forms_name(), secret.expose(), None)
    }

    fn set(self, name: &str, value: &str, lifetime: Option<Duration>) -> SetCookie {
        let lifetime = lifetime.map(|lifetime| format!("; Max-Age={}", lifetime.as_secs()));
        let (lifetime, secure) = (lifetime.unwrap_or_default(), if self.has_tls { "; Secure" } else { "" });
        SetCookie(format!("{name}={value}; Path=/{secure}; HttpOnly; SameSite=Lax{lifetime}"))
    }
}

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
        let (secret, cookies) = (BrowserSecret::parse(A).unwrap(), Cookies::of("https://id.example.org"));
        assert_eq!(
            cookies.session(&secret, None).as_str(),
            format!("__Host-cloakroom={A}; Path=/; Secure; HttpOnly; SameSite=Lax")
        );
        assert_eq!(
            cookies.session(&secret, Some(Duration::from_secs(3600))).as_str(),
            format!("__Host-cloakroom={A}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600")
        );
        assert_eq!(
            cookies.end_session().as_str(),
            "__Host-cloakroom=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"
        );
    }

    #[test]
    fn a_server_without_tls_has_cookies_of_its_own() {
        let (secret, cookies) = (BrowserSecret::parse(A).unwrap(), Cookies::of("http://127.0.0.1:8080"));
        let set = cookies.session(&secret, None);
        assert_eq!(set.as_str(), format!("cloakroom-8080={A}; Path=/; HttpOnly; SameSite=Lax"));
        let both = headers(&[&format!("cloakroom-8080={A}; cloakroom-8081={B}; {SESSION}={B}")]);
        let read = |cookies: Cookies| cookies.read_session(&both).unwrap().unwrap().expose().to_owned();
        assert_eq!(read(cookies), A);
        assert_eq!(read(Cookies::of("https://id.example.org")), B);
        assert_eq!(Cookies::of("http://localhost").session_name(), "cloakroom");
    }
}
