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
    scheme: String,
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

    /// In words: `photos.example.org`, or `a program on this computer (127.0.0.1:4000)`.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// What a form of ours may lead to besides ourselves, as `form-action` has it (CSP3 §6.4.2).
    /// Browsers hold it against every redirect that follows the form, those of the application too,
    /// and where these lead nobody here can know: to any site, then, but never without TLS unless
    /// the application itself is on this computer.
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
    fn letters_that_look_like_others_are_seen() {
        assert_eq!(of("https://gооgle.com/").unwrap().1, "xn--ggle-55da.com");
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
