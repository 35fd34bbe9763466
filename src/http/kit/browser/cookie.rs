//! Cookies (RFC 6265bis): two of them, each with a secret of 256 bits.

use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};

use crate::domain::BrowserSecret;

/// The cookie of a session in this browser. The prefix makes browsers take it from this very host
/// alone, over TLS or from this machine, and for all of its paths.
pub const SESSION: &str = "__Host-cloakroom";

/// The cookie that ties our forms to the browser that they were shown in.
pub const FORMS: &str = "__Host-cloakroom-csrf";

/// The browser sent two cookies of one name: which of them is ours cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentTwice;

/// The secret in the cookie of this name; none when there is no such cookie, or it is none of ours.
///
/// Names are compared as they came. A reader that decodes `%5F`, or trims more than a space and a
/// tab, would take for `__Host-` what a browser let a neighbouring host set.
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

/// A `Set-Cookie` header. It may hold a secret, so it is not printed either.
pub struct SetCookie(String);

impl SetCookie {
    /// Gives the browser its session, for as long as it runs or for a time.
    pub fn session(secret: &BrowserSecret, lifetime: Option<Duration>) -> Self {
        Self::new(SESSION, secret.expose(), lifetime)
    }

    /// Takes the session away again.
    pub fn end_session() -> Self {
        Self::new(SESSION, "", Some(Duration::ZERO))
    }

    pub(crate) fn forms(secret: &BrowserSecret) -> Self {
        Self::new(FORMS, secret.expose(), None)
    }

    fn new(name: &str, value: &str, lifetime: Option<Duration>) -> Self {
        let lifetime = lifetime.map(|lifetime| format!("; Max-Age={}", lifetime.as_secs()));
        let lifetime = lifetime.unwrap_or_default();
        Self(format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{lifetime}"))
    }

    /// The header's value.
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
    fn a_cookie_is_found_among_others_whatever_they_are() {
        let among = format!("a; =b; theme=dark;\t{FORMS}={B} ; {SESSION}={A};; x=é");
        assert_eq!(session(&[&among]), Ok(Some(A.to_owned())));
        assert_eq!(session(&["theme=dark", &format!("{SESSION}={A}")]), Ok(Some(A.to_owned())));
        assert_eq!(session(&[]), Ok(None));
    }

    #[test]
    fn a_cookie_of_another_name_is_another_cookie() {
        for other in
            ["__host-cloakroom", "%5F%5FHost-cloakroom", "\u{2003}__Host-cloakroom", "__Host-cloakroom "]
        {
            assert_eq!(session(&[&format!("{other}={A}")]), Ok(None), "{other:?}");
        }
    }

    #[test]
    fn two_cookies_of_one_name_are_refused_even_when_they_are_equal() {
        for second in [A, B, "", "x"] {
            assert_eq!(session(&[&format!("{SESSION}={A}; {SESSION}={second}")]), Err(SentTwice));
            assert_eq!(session(&[&format!("{SESSION}={A}"), &format!("{SESSION}={second}")]), Err(SentTwice));
        }
    }

    #[test]
    fn what_is_no_secret_of_ours_is_no_cookie() {
        for value in ["", "x", &A[1..], &format!("{A}A"), &format!("\"{A}\""), "é"] {
            assert_eq!(session(&[&format!("{SESSION}={value}")]), Ok(None), "{value}");
        }
    }

    #[test]
    fn a_cookie_goes_to_this_host_alone_over_tls_and_no_script_reads_it() {
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
