//! Links in mails: to the pages of this server, or to those of an application.

use std::collections::BTreeMap;

use crate::domain::{AccountToken, TokenPurpose, strict_url};

/// Place of the token in a link of an application.
const TOKEN: &str = "{token}";

/// Links to the pages of an application, by the name of the link. Other links lead to the pages of this server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailLinks(BTreeMap<&'static str, String>);

/// Names of the links, each with the page of this server.
const PAGES: [(&str, &str); 4] = [
    ("reset_password", "reset-password"),
    ("verify_email", "verify-email"),
    ("undo_email_change", "undo-email-change"),
    ("accept_invitation", "accept-invitation"),
];

/// Returns the name of the link for a purpose. A new address is proved as any other.
fn name_of(purpose: TokenPurpose) -> &'static str {
    match purpose {
        TokenPurpose::ResetPassword => "reset_password",
        TokenPurpose::VerifyEmail | TokenPurpose::ConfirmEmail => "verify_email",
        TokenPurpose::UndoEmailChange => "undo_email_change",
        TokenPurpose::Invitation => "accept_invitation",
    }
}

impl MailLinks {
    /// Parses a JSON object with a URL for each link. A URL has `{token}` where the token stands.
    ///
    /// # Errors
    /// The advice what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let given: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| {
            "write a JSON object, such as {\"reset_password\": \"https://app.example.org/reset#token={token}\"}"
                .to_owned()
        })?;
        let read = |(name, url): (String, String)| {
            let known = PAGES.iter().find(|(known, _)| *known == name).map(|(known, _)| *known);
            let known = known.ok_or_else(|| {
                let names: Vec<&str> = PAGES.iter().map(|(name, _)| *name).collect();
                format!("a link is one of {}", names.join(", "))
            })?;
            check(&url).map(|()| (known, url))
        };
        given.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the link with a token. Without a page of an application it leads to this server, whose public URL is
    /// `issuer`.
    pub(crate) fn link(&self, issuer: &str, purpose: TokenPurpose, token: &AccountToken) -> String {
        let name = name_of(purpose);
        match self.0.get(name) {
            Some(url) => url.replace(TOKEN, token.expose()),
            None => {
                let page = PAGES.iter().find(|(known, _)| *known == name).map_or("", |(_, page)| page);
                format!("{issuer}/oauth/{page}?token={}", token.expose())
            }
        }
    }
}

/// Checks the URL of a link. A token is a secret: it needs https, except on this machine.
fn check(url: &str) -> Result<(), String> {
    let parsed = strict_url(&url.replace(TOKEN, "token"));
    let is_protected = parsed.is_some_and(|url| match url.scheme() {
        "http" => matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")),
        // The page of an app that is opened by its own scheme (RFC 8252 §7.1).
        scheme => scheme == "https" || scheme.contains('.'),
    });
    if url.matches(TOKEN).count() != 1 || !is_protected {
        return Err(format!(
            "a link is an https URL with {TOKEN} in it, such as https://app.example.org/reset#token={TOKEN}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_application_or_to_this_server() {
        let links =
            MailLinks::parse(r#"{"reset_password": "https://app.example.org/reset#token={token}"}"#).unwrap();
        let token = AccountToken::presented("secret");
        let link = |purpose| links.link("https://id.example.org/base", purpose, &token);
        assert_eq!(link(TokenPurpose::ResetPassword), "https://app.example.org/reset#token=secret");
        assert_eq!(
            link(TokenPurpose::ConfirmEmail),
            "https://id.example.org/base/oauth/verify-email?token=secret"
        );
    }

    #[test]
    fn refuses_a_link_without_its_token_or_without_protection() {
        for wrong in [
            "[]",
            r#"{"reset": "https://app.example.org/{token}"}"#,
            r#"{"reset_password": "https://app.example.org/reset"}"#,
            r#"{"reset_password": "https://app.example.org/{token}/{token}"}"#,
            r#"{"reset_password": "http://app.example.org/{token}"}"#,
            r#"{"reset_password": "javascript:alert('{token}')"}"#,
            r#"{"reset_password": 7}"#,
        ] {
            assert!(MailLinks::parse(wrong).is_err(), "{wrong}");
        }
        assert!(MailLinks::parse(r#"{"verify_email": "http://127.0.0.1:3000/{token}"}"#).is_ok());
        assert!(MailLinks::parse(r#"{"verify_email": "org.example.app:/verify?t={token}"}"#).is_ok());
    }
}
