//! Protection against forged requests of a browser (OWASP ASVS 5.0, 3.5): the CSRF tokens of forms, each valid for one
//! browser and one purpose, and the origin of the page that sent a request.

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use super::cookie::Cookies;
use crate::domain::{BrowserSecret, Rotating};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Checks where the requests of browsers came from, and makes and checks CSRF tokens. Every replica derives the same
/// key from the master key.
#[derive(Clone)]
pub struct FormGuard {
    key: Rotating<hmac::Key>,
    origin: String,
    cookies: Cookies,
}

/// Reason why a form, or a request with the cookie of a session, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forgery {
    /// `Origin` (RFC 6454 §7) is not that of this server, or the browser hides it.
    #[error("the request was sent from another site")]
    Origin,
    /// `Sec-Fetch-Site` (W3C Fetch Metadata) is not `same-origin`.
    #[error("the request was sent from another site, according to the browser")]
    Site,
    /// The browser does not say which page sent a request that changes something.
    #[error("the request has neither `Origin` nor `Sec-Fetch-Site`, so that its page is not known")]
    UnknownPage,
    /// The cookie that binds the form to this browser is missing.
    #[error("the cookie of the form is missing; cookies of this site must be allowed")]
    NoCookie,
    /// The token is missing, or it belongs to another browser or another form.
    #[error("the form was not served to this browser")]
    Token,
}

impl FormGuard {
    /// Makes it from 32 secret bytes, for the server at this URL.
    pub fn new(key: impl Into<Rotating<[u8; 32]>>, issuer: &str) -> Self {
        let origin = url::Url::parse(issuer).map(|url| url.origin().ascii_serialization());
        let key = key.into().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key));
        let cookies = Cookies::of(issuer);
        Self { key, origin: origin.unwrap_or_default(), cookies }
    }

    /// Returns the names and attributes of the server's cookies.
    pub(crate) fn cookies(&self) -> Cookies {
        self.cookies
    }

    /// Returns the CSRF token of a form with this purpose, in the browser with this secret. It is the same in
    /// every tab, and needs no session.
    pub fn token(&self, purpose: &str, secret: &BrowserSecret) -> String {
        token(self.key.in_use(), purpose, secret)
    }

    /// Checks the token in constant time.
    pub fn check_token(&self, purpose: &str, secret: &BrowserSecret, token: &str) -> Result<(), Forgery> {
        let is_of = |key| bool::from(self::token(key, purpose, secret).as_bytes().ct_eq(token.as_bytes()));
        let is_ours = self.key.each().any(is_of);
        (is_ours || fault!(form_token_not_checked)).then_some(()).ok_or(Forgery::Token)
    }

    /// Checks that the request came from a page of this server, as far as the browser says. Old browsers and
    /// other programs send no such headers. They must send the token too.
    pub fn check_sender(&self, headers: &HeaderMap) -> Result<(), Forgery> {
        let all = |name, expected: &str| headers.get_all(name).all(|value| value == expected);
        // A page that hides its URL hides its origin too. Then the other header says that the page is ours.
        let is_hidden = headers.contains_key(SEC_FETCH_SITE) && all(header::ORIGIN, "null");
        if !is_hidden && !all(header::ORIGIN, &self.origin) && !fault!(form_origin_not_checked) {
            return Err(Forgery::Origin);
        }
        if !all(SEC_FETCH_SITE, "same-origin") {
            return Err(Forgery::Site);
        }
        Ok(())
    }

    /// Checks that a page of this server's origin sent a request with the cookie of a session. There is no CSRF token, so
    /// a request that changes something must have one of the two headers, which every browser of today sends. A read
    /// may have neither, as another site cannot see its answer; or the user opened it (`none`).
    pub(crate) fn check_page(&self, method: &Method, headers: &HeaderMap) -> Result<(), Forgery> {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        if fault!(cookie_origin_not_checked) {
            return Ok(());
        }
        if headers.get_all(header::ORIGIN).any(|origin| *origin != *self.origin) {
            return Err(Forgery::Origin);
        }
        let is_own = |site: &HeaderValue| site == "same-origin" || (is_read && site == "none");
        if !headers.get_all(SEC_FETCH_SITE).all(is_own) {
            return Err(Forgery::Site);
        }
        let is_told = headers.contains_key(header::ORIGIN) || headers.contains_key(SEC_FETCH_SITE);
        if is_read || is_told { Ok(()) } else { Err(Forgery::UnknownPage) }
    }
}

fn token(key: &hmac::Key, purpose: &str, secret: &BrowserSecret) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(&(purpose.len() as u64).to_be_bytes());
    context.update(purpose.as_bytes());
    context.update(secret.expose().as_bytes());
    URL_SAFE_NO_PAD.encode(context.sign().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Random;

    fn guard() -> FormGuard {
        FormGuard::new([7; 32], "https://id.example.org/base")
    }

    fn secret() -> BrowserSecret {
        BrowserSecret::generate(&Random::system()).unwrap()
    }

    #[test]
    fn a_token_is_valid_for_one_purpose_in_one_browser() {
        let (guard, browser) = (guard(), secret());
        let token = guard.token("consent", &browser);
        assert_eq!(guard.check_token("consent", &browser, &token), Ok(()));
        assert_eq!(guard.check_token("log-in", &browser, &token), Err(Forgery::Token));
        assert_eq!(guard.check_token("consent", &secret(), &token), Err(Forgery::Token));
        let other_key = FormGuard::new([8; 32], "https://id.example.org/base");
        assert_eq!(other_key.check_token("consent", &browser, &token), Err(Forgery::Token));
    }

    #[test]
    fn refuses_a_changed_or_shortened_token() {
        let (guard, browser) = (guard(), secret());
        let token = guard.token("consent", &browser);
        for index in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[index] = if forged[index] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(guard.check_token("consent", &browser, &forged), Err(Forgery::Token), "{forged}");
            assert_eq!(guard.check_token("consent", &browser, &token[..index]), Err(Forgery::Token));
        }
    }

    fn sent(headers: &[(&str, &str)]) -> Result<(), Forgery> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        guard().check_sender(&map)
    }

    #[test]
    fn accepts_its_own_origin_or_no_origin() {
        assert_eq!(sent(&[]), Ok(()));
        assert_eq!(sent(&[("origin", "https://id.example.org")]), Ok(()));
        for foreign in [
            "null",
            "",
            "https://id.example.org/",
            "https://id.example.org/base",
            "https://id.example.org:8443",
            "http://id.example.org",
            "https://ID.example.org",
            "https://id.example.org.evil.example",
            "https://evil.example",
        ] {
            assert_eq!(sent(&[("origin", foreign)]), Err(Forgery::Origin), "{foreign:?}");
        }
        for site in ["cross-site", "same-site", "none", ""] {
            assert_eq!(sent(&[("origin", "null"), ("sec-fetch-site", site)]), Err(Forgery::Site), "{site:?}");
        }
        assert_eq!(sent(&[("origin", "null"), ("sec-fetch-site", "same-origin")]), Ok(()));
        let both = [("origin", "https://id.example.org"), ("origin", "https://evil.example")];
        assert_eq!(sent(&both), Err(Forgery::Origin));
    }

    #[test]
    fn accepts_only_same_origin_fetch_metadata() {
        let from = |site| sent(&[("origin", "https://id.example.org"), ("sec-fetch-site", site)]);
        assert_eq!(from("same-origin"), Ok(()));
        for site in ["cross-site", "same-site", "none", ""] {
            assert_eq!(from(site), Err(Forgery::Site), "{site:?}");
        }
    }

    fn sent_by_page(method: &Method, headers: &[(&str, &str)]) -> Result<(), Forgery> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        guard().check_page(method, &map)
    }

    #[test]
    fn a_change_must_name_its_page() {
        let (origin, site) = (("origin", "https://id.example.org"), ("sec-fetch-site", "same-origin"));
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(sent_by_page(&method, &[]), Err(Forgery::UnknownPage), "{method}");
            for named in [&[origin][..], &[site], &[origin, site]] {
                assert_eq!(sent_by_page(&method, named), Ok(()), "{method} {named:?}");
            }
            assert_eq!(sent_by_page(&method, &[("sec-fetch-site", "none")]), Err(Forgery::Site));
        }
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(sent_by_page(&method, &[]), Ok(()));
            assert_eq!(sent_by_page(&method, &[("sec-fetch-site", "none")]), Ok(()));
        }
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        for method in [Method::GET, Method::POST] {
            for origin in
                ["null", "", "https://app.id.example.org", "http://id.example.org", "https://id.example.org/"]
            {
                let named = [("origin", origin), ("sec-fetch-site", "same-origin")];
                assert_eq!(sent_by_page(&method, &named), Err(Forgery::Origin), "{method} {origin:?}");
            }
            for site in ["cross-site", "same-site", ""] {
                let named = [("origin", "https://id.example.org"), ("sec-fetch-site", site)];
                assert_eq!(sent_by_page(&method, &named), Err(Forgery::Site), "{method} {site:?}");
            }
            let two = [("origin", "https://id.example.org"), ("origin", "https://evil.example")];
            assert_eq!(sent_by_page(&method, &two), Err(Forgery::Origin));
        }
    }

    #[test]
    fn the_origin_has_the_port_but_no_path() {
        let guard = FormGuard::new([7; 32], "http://127.0.0.1:8080");
        let mut headers = HeaderMap::new();
        headers.append(header::ORIGIN, "http://127.0.0.1:8080".parse().unwrap());
        assert_eq!(guard.check_sender(&headers), Ok(()));
        headers.insert(header::ORIGIN, "http://localhost:8080".parse().unwrap());
        assert_eq!(guard.check_sender(&headers), Err(Forgery::Origin));
    }
}
