//! The target of a redirect to an application, for the user and for the `form-action` directive.

use url::{Host, Url};

/// Schemes that run code or read data instead of opening an application.
const FORBIDDEN_SCHEMES: [&str; 9] =
    ["javascript", "data", "vbscript", "blob", "file", "filesystem", "about", "view-source", "ws"];

/// The target of a redirect: a site, or an app on the device by its private-use URI scheme (RFC 8252 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    shown: String,
    scheme: String,
}

impl Destination {
    /// Returns the target of this URI; `None` when it opens no application.
    pub fn of(uri: &str) -> Option<Self> {
        let url = Url::parse(uri).ok()?;
        if FORBIDDEN_SCHEMES.contains(&url.scheme()) {
            return None;
        }
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme().to_owned();
            return Some(Self { shown: format!("the app on this device that opens {scheme}:"), scheme });
        }
        let here = match url.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let host = url.host_str()?;
        let place = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let shown = if here { format!("a program on this computer ({place})") } else { place };
        Some(Self { shown, scheme: url.scheme().to_owned() })
    }

    /// Returns it in words: `photos.example.org`, or `a program on this computer (127.0.0.1:4000)`.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns the `form-action` sources of a form that redirects there (CSP3 §6.4.2). Browsers check every
    /// redirect after the form, including those of the application, whose targets are unknown here. So any
    /// site is allowed, but only with TLS, unless the application itself is on this computer.
    pub fn form_action(&self) -> String {
        match self.scheme.as_str() {
            "https" => "https:".to_owned(),
            scheme => format!("https: {scheme}:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &str) -> Option<(String, String)> {
        Destination::of(uri).map(|to| (to.form_action(), to.shown))
    }

    #[test]
    fn a_site_is_shown_by_its_host_and_an_app_by_its_scheme() {
        let some = |schemes: &str, shown: &str| Some((schemes.to_owned(), shown.to_owned()));
        let photos = "https://photos.example.org";
        assert_eq!(of(&format!("{photos}/cb?x=1")), some("https:", "photos.example.org"));
        assert_eq!(of(&format!("{photos}:8443/")), some("https:", "photos.example.org:8443"));
        for place in ["127.0.0.1:4000", "[::1]:4000", "localhost"] {
            let shown = format!("a program on this computer ({place})");
            assert_eq!(of(&format!("http://{place}/cb")), some("https: http:", &shown));
        }
        let shown = "the app on this device that opens com.example.photos:";
        assert_eq!(of("com.example.photos:/cb"), some("https: com.example.photos:", shown));
    }

    #[test]
    fn shows_homographs_in_punycode() {
        assert_eq!(of("https://gооgle.com/").unwrap().1, "xn--ggle-55da.com");
    }

    #[test]
    fn rejects_uris_that_run_code_or_read_data() {
        for uri in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "blob:x",
            "/here",
            "",
            "no uri",
        ] {
            assert_eq!(of(uri), None, "{uri}");
        }
    }
}
