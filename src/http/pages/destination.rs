//! Where an application is, as a person is told and as a policy of the browser names it.

use url::{Host, Url};

/// Schemes that run or read something instead of leading to an application.
const NO_DESTINATION: [&str; 9] =
    ["javascript", "data", "vbscript", "blob", "file", "filesystem", "about", "view-source", "ws"];

/// Where a URI leads out of here: to a site, or to an app on the device by its own scheme
/// (RFC 8252 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    shown: String,
    app_scheme: Option<String>,
}

impl Destination {
    /// Where this URI leads; none when it leads to no application.
    pub fn of(uri: &str) -> Option<Self> {
        let url = Url::parse(uri).ok()?;
        if NO_DESTINATION.contains(&url.scheme()) {
            return None;
        }
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme().to_owned();
            return Some(Self {
                shown: format!("the app on this device that opens {scheme}:"),
                app_scheme: Some(scheme),
            });
        }
        let here = match url.host()? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let host = url.host_str()?;
        let place = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let shown = if here { format!("a program on this computer ({place})") } else { place };
        Some(Self { shown, app_scheme: None })
    }

    /// In words: `photos.example.org`, or `a program on this computer (127.0.0.1:4000)`.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The scheme of an app on the device; none for a site.
    pub fn app_scheme(&self) -> Option<&str> {
        self.app_scheme.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &str) -> Option<(String, Option<String>)> {
        Destination::of(uri).map(|to| (to.shown, to.app_scheme))
    }

    #[test]
    fn a_site_is_shown_by_its_host_and_an_app_by_its_scheme() {
        let site = |shown: &str| Some((shown.to_owned(), None));
        assert_eq!(of("https://photos.example.org/cb?x=1"), site("photos.example.org"));
        assert_eq!(of("https://photos.example.org:8443/"), site("photos.example.org:8443"));
        assert_eq!(of("http://127.0.0.1:4000/cb"), site("a program on this computer (127.0.0.1:4000)"));
        assert_eq!(of("http://[::1]:4000/cb"), site("a program on this computer ([::1]:4000)"));
        assert_eq!(of("http://localhost/cb"), site("a program on this computer (localhost)"));
        let app = "com.example.photos";
        let shown = format!("the app on this device that opens {app}:");
        assert_eq!(of("com.example.photos:/cb"), Some((shown, Some(app.to_owned()))));
    }

    #[test]
    fn letters_that_look_like_others_are_seen() {
        assert_eq!(of("https://gооgle.com/").unwrap().0, "xn--ggle-55da.com");
    }

    #[test]
    fn what_runs_or_reads_is_no_destination() {
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
