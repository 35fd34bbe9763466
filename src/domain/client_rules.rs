//! What a client may be registered as: the same over HTTP and at the command line.

use super::clock_and_random::{NoRandomness, Random};
use super::opaque_token::ClientSecret;
use super::{ClientAuthentication, ClientMetadata, GrantType, Invalid, RedirectUri, plain_text};

/// The longest name of a client, in code points.
const LONGEST_NAME: usize = 200;

/// The most redirect URIs of either kind.
const MOST_URIS: usize = 32;

/// A rule that a client would break, and the member that breaks it by its name in RFC 7591 §2.
pub type BrokenClientRule = (&'static str, Invalid);

impl ClientMetadata {
    /// A client of which nothing is said: it authenticates by a secret (RFC 7591 §2).
    pub fn unsaid() -> Self {
        Self {
            name: None,
            scope: Vec::new(),
            grants: Vec::new(),
            authentication: ClientAuthentication::ClientSecretBasic,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            jwks: None,
            dpop_bound: false,
        }
    }

    /// The grants of a client that names none: whoever can be sent back a user signs users in, and
    /// the others act for themselves.
    pub fn usual_grants(&self) -> Vec<GrantType> {
        match self.redirect_uris.is_empty() {
            true => vec![GrantType::ClientCredentials],
            false => vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        }
    }

    /// The secret of a client that is registered like this; none for one that takes none.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn new_secret(&self, random: &Random) -> Result<Option<ClientSecret>, NoRandomness> {
        self.authentication.by_secret().then(|| ClientSecret::generate(random)).transpose()
    }

    /// The same with every value once, provided that it keeps the rules.
    ///
    /// # Errors
    /// Every rule that is broken.
    pub fn checked(mut self) -> Result<Self, Vec<BrokenClientRule>> {
        self.grants = GrantType::ALL.into_iter().filter(|grant| self.grants.contains(grant)).collect();
        self.redirect_uris = each_once(self.redirect_uris);
        self.post_logout_redirect_uris = each_once(self.post_logout_redirect_uris);
        let mut broken = Vec::new();
        let mut rule = |keeps: bool, member, code, detail: &str| {
            if !keeps {
                broken.push((member, Invalid::new(code, detail)));
            }
        };
        let public = self.authentication == ClientAuthentication::None;
        let by_key = self.authentication == ClientAuthentication::PrivateKeyJwt;
        let uses = |grant| self.grants.contains(&grant);

        rule(!self.scope.is_empty(), "scope", "required", "must name at least one scope");
        rule(!self.grants.is_empty(), "grant_types", "empty", "must name at least one grant");
        for grant in self.grants.iter().rev() {
            match grant {
                GrantType::RefreshToken => rule(
                    uses(GrantType::AuthorizationCode),
                    "grant_types",
                    "refresh-without-code",
                    "refresh_token is possible only with authorization_code",
                ),
                GrantType::ClientCredentials => rule(
                    !public,
                    "grant_types",
                    "public-client",
                    "client_credentials is not possible for a public client, which cannot prove who it is",
                ),
                GrantType::AuthorizationCode => rule(
                    !self.redirect_uris.is_empty(),
                    "redirect_uris",
                    "required",
                    "authorization_code needs at least one redirect URI",
                ),
            }
        }
        for (member, uris) in [
            ("redirect_uris", &self.redirect_uris),
            ("post_logout_redirect_uris", &self.post_logout_redirect_uris),
        ] {
            rule(uris.len() <= MOST_URIS, member, "too-many", "must be at most 32");
            rule(
                public || !uris.iter().any(RedirectUri::is_private_use),
                member,
                "public-clients-only",
                "a scheme of the application's own is for public clients alone",
            );
        }
        rule(!by_key || self.jwks.is_some(), "jwks", "required", "private_key_jwt needs the public keys");
        rule(by_key || self.jwks.is_none(), "jwks", "unused", "goes with private_key_jwt alone");
        if broken.is_empty() { Ok(self) } else { Err(broken) }
    }

    /// A name for people.
    ///
    /// # Errors
    /// As [`plain_text`].
    pub fn parse_name(text: &str) -> Result<String, Invalid> {
        plain_text(text, LONGEST_NAME, false)
    }
}

fn each_once(uris: Vec<RedirectUri>) -> Vec<RedirectUri> {
    let mut known = std::collections::BTreeSet::new();
    uris.into_iter().filter(|uri| known.insert(uri.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ClientId;

    fn web() -> ClientMetadata {
        ClientMetadata {
            scope: vec!["openid".to_owned()],
            grants: vec![GrantType::RefreshToken, GrantType::AuthorizationCode, GrantType::RefreshToken],
            redirect_uris: uris(&["https://app.example.org/cb", "https://app.example.org/cb"]),
            ..ClientMetadata::unsaid()
        }
    }

    fn uris(uris: &[&str]) -> Vec<RedirectUri> {
        uris.iter().map(|uri| uri.parse().unwrap()).collect()
    }

    fn broken(metadata: ClientMetadata) -> Vec<(&'static str, &'static str)> {
        let rules = metadata.checked().map(|_| Vec::new()).unwrap_or_else(|rules| rules);
        rules.into_iter().map(|(member, rule)| (member, rule.code)).collect()
    }

    #[test]
    fn what_keeps_the_rules_is_kept_once_and_in_order() {
        let client = web().checked().unwrap();
        assert_eq!(client.grants, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
        assert_eq!(client.redirect_uris.len(), 1);
        assert_eq!(web().usual_grants(), client.grants);
        assert_eq!(ClientMetadata::unsaid().usual_grants(), [GrantType::ClientCredentials]);
        let spa = ClientMetadata {
            authentication: ClientAuthentication::None,
            redirect_uris: uris(&["org.example.app:/cb", "http://127.0.0.1/cb"]),
            ..web()
        };
        assert_eq!(broken(spa), []);
    }

    #[test]
    fn every_broken_rule_is_told() {
        assert_eq!(broken(ClientMetadata::unsaid()), [("scope", "required"), ("grant_types", "empty")]);
        assert_eq!(
            broken(ClientMetadata { redirect_uris: vec![], ..web() }),
            [("redirect_uris", "required")]
        );
        let robot = ClientMetadata {
            grants: vec![GrantType::ClientCredentials, GrantType::RefreshToken],
            authentication: ClientAuthentication::None,
            jwks: Some("{}".to_owned()),
            ..web()
        };
        assert_eq!(
            broken(robot),
            [("grant_types", "refresh-without-code"), ("grant_types", "public-client"), ("jwks", "unused")]
        );
        let native = uris(&["org.example.app:/cb"]);
        let native = ClientMetadata {
            authentication: ClientAuthentication::PrivateKeyJwt,
            redirect_uris: native.clone(),
            post_logout_redirect_uris: native,
            ..web()
        };
        assert_eq!(
            broken(native),
            [
                ("redirect_uris", "public-clients-only"),
                ("post_logout_redirect_uris", "public-clients-only"),
                ("jwks", "required")
            ]
        );
        let many: Vec<RedirectUri> =
            (0..33).map(|n| format!("https://app.example.org/{n}").parse().unwrap()).collect();
        assert_eq!(broken(ClientMetadata { redirect_uris: many, ..web() }), [("redirect_uris", "too-many")]);
    }

    #[test]
    fn a_secret_is_for_those_who_take_one() {
        let random = Random::system();
        assert!(web().new_secret(&random).unwrap().is_some());
        for authentication in [ClientAuthentication::None, ClientAuthentication::PrivateKeyJwt] {
            let client = ClientMetadata { authentication, ..web() };
            assert!(client.new_secret(&random).unwrap().is_none());
        }
        let id = ClientId::generate(&random).unwrap();
        assert_eq!(id.as_str().parse::<ClientId>(), Ok(id));
    }
}
