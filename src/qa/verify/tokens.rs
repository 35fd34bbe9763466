//! Tokens of a verification: with one defect each, and for a client that does not exist.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::fixture::{Fixture, TestUser};
use super::{Request, VerifyError};
use crate::authz::ScopeSet;
use crate::domain::{ClientId, Clock, Random, UserId};
use crate::token::{
    IssueRequest, IssueTo, Issuer, TestTokenError, TestTokens, TokenDefect, UnsignedToken, long_ago,
};

/// Lifetime of tokens that are signed here. It is above the duration of a run.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

impl Fixture {
    /// Returns a token of the user with this defect. None when it needs the server's signing key, and that is not
    /// available.
    pub(crate) fn wrong(&self, defect: TokenDefect, user: &TestUser) -> Result<Option<String>, VerifyError> {
        if defect.needs_key() && self.keys.is_none() {
            let order = json!({ "as": user.id, "situation": defect.name() });
            return if self.is_test_server { self.ordered(&order).map(Some) } else { Ok(None) };
        }
        let draft = self.unsigned_token_of(user)?;
        match self.test_tokens().defective(defect, draft) {
            Ok(token) => Ok(Some(token)),
            // With a shared secret there is no public key to misuse.
            Err(TestTokenError::NoPublicKey | TestTokenError::NeedsJwks) => Ok(None),
            Err(error) => Err(VerifyError::new(error.to_string())),
        }
    }

    /// Returns a token of the user that is good but for these claims and members of the header. `null` removes one.
    /// None without the server's signing key.
    pub(crate) fn crafted(
        &self,
        user: &TestUser,
        claims: &[(&str, Value)],
        header: &[(&str, Value)],
    ) -> Result<Option<String>, VerifyError> {
        let members = |list: &[(&str, Value)]| -> Map<String, Value> {
            list.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        let (claims, header) = (members(claims), members(header));
        if self.keys.is_some() {
            let mut draft = self.unsigned_token_of(user)?;
            draft.set(&claims, &header);
            let token = self.test_tokens().valid(draft);
            return token.map(Some).map_err(|error| VerifyError::new(error.to_string()));
        }
        let order = json!({ "as": user.id, "claims": claims, "header": header });
        if self.is_test_server { self.ordered(&order).map(Some) } else { Ok(None) }
    }

    /// Returns a token that a test server makes.
    fn ordered(&self, order: &Value) -> Result<String, VerifyError> {
        self.done(&Request::post("/test/token").json(order), None)?.text("token")
    }

    /// Returns a token of a client whose id is that of a user. None without the server's signing key.
    pub(crate) fn named_like(&self, user: &TestUser) -> Result<Option<String>, VerifyError> {
        let scope: ScopeSet = self.own_scopes().iter().filter(|scope| !scope.is_identity()).collect();
        if self.keys.is_none() && self.is_test_server {
            let order = json!({ "client": user.id, "scope": scope.to_string() });
            return self.ordered(&order).map(Some);
        }
        let issue_to = IssueTo::Client { id: user.id.clone(), epoch: 1 };
        self.good(issue_to, &user.id, &scope)
    }

    /// Returns a token of this user with every scope of their roles, whose user authenticated long ago. None
    /// without the server's signing key.
    pub(crate) fn stale(&self, user: &TestUser) -> Result<Option<String>, VerifyError> {
        if self.keys.is_none() && self.is_test_server {
            return self.ordered(&json!({ "as": user.id, "situation": "stale" })).map(Some);
        }
        let scope = self.app.vocabulary().granted_by(&user.roles);
        self.good(issue_to(user, long_ago(self.now()))?, ClientId::FIRST_PARTY, &scope)
    }

    /// Returns a valid token. None without the server's signing key.
    pub(super) fn good(
        &self,
        subject: IssueTo,
        client_id: &str,
        scope: &ScopeSet,
    ) -> Result<Option<String>, VerifyError> {
        if self.keys.is_none() {
            return Ok(None);
        }
        let draft = self.draft(subject, client_id, scope)?;
        self.test_tokens().valid(draft).map(Some).map_err(|error| VerifyError::new(error.to_string()))
    }

    fn unsigned_token_of(&self, user: &TestUser) -> Result<UnsignedToken, VerifyError> {
        self.draft(issue_to(user, self.now())?, ClientId::FIRST_PARTY, &self.own_scopes())
    }

    fn draft(
        &self,
        subject: IssueTo,
        client_id: &str,
        scope: &ScopeSet,
    ) -> Result<UnsignedToken, VerifyError> {
        let (issuer, audience) = (self.issuer.clone(), self.audience.clone());
        let issuer = Issuer::new(
            issuer,
            audience,
            TOKEN_LIFETIME,
            None,
            Clock::standing(self.now()),
            Random::system(),
        );
        let client_id = client_id.to_owned();
        let request =
            IssueRequest { subject, client_id, scope, session: None, audience: None, bound_to: None };
        issuer.draft(request).map_err(|error| VerifyError::new(error.to_string()))
    }

    fn test_tokens(&self) -> TestTokens<'_> {
        TestTokens { keys: self.keys.as_ref(), jwks: Some(&self.jwks), now: self.now() }
    }

    /// Returns the time of the server. A token with the time of this machine could be refused for it alone.
    fn now(&self) -> DateTime<Utc> {
        Clock::system().now() + self.ahead
    }
}

/// Returns the subject of a token of this user.
fn issue_to(user: &TestUser, auth_time: DateTime<Utc>) -> Result<IssueTo, VerifyError> {
    let id: UserId = user.id.parse().map_err(|_| VerifyError::new("the id of a user is not a UUID"))?;
    Ok(IssueTo::User { id, roles: user.roles.clone(), epoch: i64::MAX, client_epoch: None, auth_time })
}
