//! The mail server and the sender, as the settings name them.

use std::fmt;

use crate::domain::strict_url;
use lettre::message::Mailbox;
use secrecy::SecretString;
use url::Host;

/// The mail server to which messages go.
#[derive(Clone, Debug)]
pub enum MailUrl {
    /// A mail server (RFC 5321).
    Smtp(SmtpServer),
    /// The log, for developers.
    Log,
}

/// A mail server.
#[derive(Clone, Debug)]
pub struct SmtpServer {
    /// Its name, which its certificate must have.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) login: Option<(String, SecretString)>,
}

/// Protection of the connection to the mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// TLS from the first byte (RFC 8314 §3).
    Tls,
    /// STARTTLS (RFC 3207). Nothing is sent to a server that does not offer it.
    StartTls,
    /// STARTTLS if the server offers it. Only for a server on this machine.
    OnThisMachine,
}

impl MailUrl {
    /// Parses `smtps://user:password@host:465`, `smtp://user:password@host:587` or `log:`.
    ///
    /// # Errors
    /// The advice what to write instead. It does not repeat the text, which may have a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "log:" {
            return Ok(Self::Log);
        }
        let wrong = || {
            "write smtps://user:password@host:465, or smtp://user:password@host:587, with %40, %2F, %3A for @ / : in a \
             password"
                .to_owned()
        };
        let url = strict_url(text).ok_or_else(wrong)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let has_more = !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
        let (security, port) = match url.scheme() {
            "smtps" => (Security::Tls, 465),
            "smtp" if is_loopback(host) => (Security::OnThisMachine, 25),
            "smtp" => (Security::StartTls, 587),
            _ => return Err(wrong()),
        };
        if has_more {
            return Err(wrong());
        }
        let decoded = |text: &str| {
            let bytes = percent_encoding::percent_decode_str(text);
            bytes.decode_utf8().map(|text| text.into_owned()).map_err(|_| wrong())
        };
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() => {
                Some((decoded(user)?, SecretString::from(decoded(password)?)))
            }
            _ => return Err(wrong()),
        };
        let (host, port) = (host.to_owned(), url.port().unwrap_or(port));
        Ok(Self::Smtp(SmtpServer { host, port, security, login }))
    }

    /// True for the log.
    pub fn is_log(&self) -> bool {
        matches!(self, Self::Log)
    }
}

/// True for a host of this machine.
fn is_loopback(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Err(_) => false,
    }
}

/// The sender of the messages: an address, or `Name <address>` (RFC 5322 §3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress(pub(super) Mailbox);

impl MailAddress {
    /// Parses the sender.
    ///
    /// # Errors
    /// The advice what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mailbox = text.parse().ok().filter(|_| !text.contains(char::is_control));
        mailbox.map(Self).ok_or_else(|| {
            "write an address, such as no-reply@example.org or Example <no-reply@example.org>".to_owned()
        })
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Option<(String, u16, Security, bool)> {
        match MailUrl::parse(text).ok()? {
            MailUrl::Smtp(server) => {
                Some((server.host, server.port, server.security, server.login.is_some()))
            }
            MailUrl::Log => None,
        }
    }

    #[test]
    fn only_a_server_on_this_machine_gets_mail_without_tls() {
        let some = |host: &str, port, security, login| Some((host.to_owned(), port, security, login));
        assert_eq!(
            server("smtps://u:p@mail.example.org"),
            some("mail.example.org", 465, Security::Tls, true)
        );
        assert_eq!(
            server("smtp://mail.example.org"),
            some("mail.example.org", 587, Security::StartTls, false)
        );
        assert_eq!(server("smtp://10.0.0.7:25"), some("10.0.0.7", 25, Security::StartTls, false));
        for here in ["localhost", "127.0.0.1", "[::1]"] {
            assert_eq!(
                server(&format!("smtp://{here}:1025")),
                some(here, 1025, Security::OnThisMachine, false)
            );
        }
        assert_eq!(server("smtp://localhost.example.org").map(|it| it.2), Some(Security::StartTls));
    }

    #[test]
    fn refuses_what_it_would_ignore_and_never_repeats_a_password() {
        for wrong in [
            "",
            "log",
            "log:x",
            "http://mail.example.org",
            "smtp://",
            "smtp://u@mail.example.org",
            "smtp://:p@mail.example.org",
            "smtp://mail.example.org/path",
            "smtp://mail.example.org?tls=none",
            "smtp://u:hunter2@mail.example.org#x",
        ] {
            let error = MailUrl::parse(wrong).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let parsed = MailUrl::parse("smtps://u:hunter2@mail.example.org").unwrap();
        assert!(!format!("{parsed:?}").contains("hunter2"));
    }

    #[test]
    fn a_sender_is_one_address_without_line_breaks() {
        for good in ["no-reply@example.org", "Example <no-reply@example.org>"] {
            assert_eq!(MailAddress::parse(good).unwrap().to_string(), good);
        }
        for wrong in
            ["", "example.org", "a@example.org, b@example.org", "A\r\nBcc: x <a@example.org>", "a@b@c"]
        {
            assert!(MailAddress::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
