//! Rules for client metadata, the same over HTTP and at the command line.

use super::{
    ClientAuthentication, ClientMetadata, ClientSecret, GrantType, Invalid, NoRandomness, Random,
    RedirectUri, plain_text,
};

/// Maximum length of a client's name, in code points.
const MAX_NAME: usize = 200;

/// Maximum number of redirect URIs of either kind, and of resources.
const MAX_URIS: usize = 32;

/// Broken rule, and the member that breaks it, by its name in RFC 7591 §2.
pub type BrokenClientRule = (&'static str, Invalid);

impl ClientMetadata {
    /// Returns the default metadata: the client authenticates with a secret (RFC 7591 §2).
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
            resources: Vec::new(),
            first_party: false,
            userinfo_in_id_token: true,
        }
    }

    /// Returns the default grant types: a client with redirect URIs signs users in, any other client acts
    /// for itself.
    pub fn usual_grants(&self) -> Vec<GrantType> {
        match self.redirect_uris.is_empty() {
            true => vec![GrantType::ClientCredentials],
            false => vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        }
    }

    /// Generates a secret. Returns `None` for a client that authenticates in another way.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn new_secret(&self, random: &Random) -> Result<Option<ClientSecret>, NoRandomness> {
        self.authentication.by_secret().then(|| ClientSecret::generate(random)).transpose()
    }

    /// Checks the rules and removes duplicate values. `reaches_others` is true when one of the scopes gives power over
    /// other users.
    ///
    /// # Errors
    /// Every broken rule.
    pub fn checked(mut self, reaches_others: bool) -> Result<Self, Vec<BrokenClientRule>> {
        self.grants = GrantType::ALL.into_iter().filter(|grant| self.grants.contains(grant)).collect();
        self.redirect_uris = each_once(self.redirect_uris);
        self.post_logout_redirect_uris = each_once(self.post_logout_redirect_uris);
        self.resources = each_once(self.resources);
        let mut broken = Vec::new();
        let mut rule = |keeps: bool, member, code, detail: &str| {
            if !keeps {
                let rule = Invalid::new(code, detail);
                broken.push((member, if code == "too-many" { rule.with("max", MAX_URIS) } else { rule }));
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
            rule(uris.len() <= MAX_URIS, member, "too-many", "must be at most 32");
            rule(
                public || !uris.iter().any(RedirectUri::is_private_use),
                member,
                "public-clients-only",
                "only a public client may use a private-use scheme",
            );
        }
        rule(self.resources.len() <= MAX_URIS, "resources", "too-many", "must be at most 32");
        rule(
            !public || self.resources.is_empty(),
            "resources",
            "public-client",
            "a public client cannot prove which resource server it is",
        );
        if self.first_party {
            let by_code = uses(GrantType::AuthorizationCode);
            rule(by_code, "first_party", "unused", "is only for authorization_code");
            rule(
                !self.redirect_uris.iter().any(RedirectUri::is_private_use),
                "redirect_uris",
                "first-party",
                "a first-party application has https or loopback redirect URIs; any app can claim another scheme",
            );
            rule(
                !reaches_others || fault!(first_party_with_powers),
                "scope",
                "first-party",
                "a first-party application gets no scope that reaches other users",
            );
        }
        rule(!by_key || self.jwks.is_some(), "jwks", "required", "private_key_jwt requires the public keys");
        rule(by_key || self.jwks.is_none(), "jwks", "unused", "is only for private_key_jwt");
        if broken.is_empty() { Ok(self) } else { Err(broken) }
    }

    /// Parses a display name.
    ///
    /// # Errors
    /// See [`plain_text`].
    pub fn parse_name(text: &str) -> Result<String, Invalid> {
        plain_text(text, MAX_NAME, false)
    }
}

fn each_once<T: Clone + Ord>(values: Vec<T>) -> Vec<T> {
    let mut known = std::collections::BTreeSet::new();
    values.into_iter().filter(|value| known.insert(value.clone())).collect()
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
        let rules = metadata.checked(false).map(|_| Vec::new()).unwrap_or_else(|rules| rules);
        rules.into_iter().map(|(member, rule)| (member, rule.code)).collect()
    }

    #[test]
    fn removes_duplicates_from_valid_metadata() {
        let client = web().checked(false).unwrap();
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
    fn reports_every_broken_rule() {
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
    fn generates_a_secret_only_for_secret_methods() {
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
