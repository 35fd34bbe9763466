//! CSRF tokens of forms (OWASP ASVS 5.0, 3.5). A token is valid for one browser and one purpose.

use actix_web::http::header::{self, HeaderMap, HeaderName};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::domain::BrowserSecret;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Makes and checks CSRF tokens. Every replica derives the same key from the master key.
#[derive(Clone)]
pub struct FormGuard {
    key: hmac::Key,
    origin: String,
}

/// Reason why a form is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forgery {
    /// `Origin` (RFC 6454 §7) is not that of this server, or the browser hides it.
    #[error("the form was sent from another site")]
    Origin,
    /// `Sec-Fetch-Site` (W3C Fetch Metadata) is not `same-origin`.
    #[error("the form was sent from another site, according to the browser")]
    Site,
    /// The cookie that binds the form to this browser is missing.
    #[error("the cookie of the form is missing; cookies of this site must be allowed")]
    NoCookie,
    /// The token is missing, or it belongs to another browser or another form.
    #[error("the form was not served to this browser")]
    Token,
}

impl FormGuard {
    /// Makes it from 32 secret bytes, for the server at this URL.
    pub fn new(key: &[u8; 32], issuer: &str) -> Self {
        let origin = url::Url::parse(issuer).map(|url| url.origin().ascii_serialization());
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), origin: origin.unwrap_or_default() }
    }

    /// Returns the CSRF token of a form with this purpose, in the browser with this secret. It is the same in
    /// every tab, and needs no session.
    pub fn token(&self, purpose: &str, secret: &BrowserSecret) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(purpose.len() as u64).to_be_bytes());
        context.update(purpose.as_bytes());
        context.update(secret.expose().as_bytes());
        URL_SAFE_NO_PAD.encode(context.sign().as_ref())
    }

    /// Checks the token in constant time.
    pub fn check_token(&self, purpose: &str, secret: &BrowserSecret, token: &str) -> Result<(), Forgery> {
        let ours = self.token(purpose, secret);
        let is_ours = bool::from(ours.as_bytes().ct_eq(token.as_bytes()));
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Random;

    fn guard() -> FormGuard {
        FormGuard::new(&[7; 32], "https://id.example.org/base")
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
        let other_key = FormGuard::new(&[8; 32], "https://id.example.org/base");
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

    #[test]
    fn the_origin_has_the_port_but_no_path() {
        let guard = FormGuard::new(&[7; 32], "http://127.0.0.1:8080");
        let mut headers = HeaderMap::new();
        headers.append(header::ORIGIN, "http://127.0.0.1:8080".parse().unwrap());
        assert_eq!(guard.check_sender(&headers), Ok(()));
        headers.insert(header::ORIGIN, "http://localhost:8080".parse().unwrap());
        assert_eq!(guard.check_sender(&headers), Err(Forgery::Origin));
    }
}
