//! OAuth client with a redirect URI, through which users of the run sign in.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use url::form_urlencoded;

use super::super::client::Answer;
use super::super::fixture::{Fixture, TestClient, TestUser};
use super::super::{Request, VerifyError};
use super::browser::Browser;
use crate::authz::USERS_READ;

/// PKCE code verifier (RFC 7636 §4.1).
pub(super) const VERIFIER: &str = "a-verifier-of-more-than-forty-three-characters";

/// Redirect URI. Reserved by RFC 2606.
pub(super) const CALLBACK: &str = "https://app.verify.example.com/callback";

/// Client that gets tokens for users by the authorization code grant.
pub(super) struct Application<'r> {
    pub(super) run: &'r Fixture,
    pub(super) client: TestClient,
}

/// Tokens of a user.
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
    pub(super) answer: Answer,
}

impl<'r> Application<'r> {
    /// Registers a confidential client.
    pub(super) fn register(run: &'r Fixture, scope: &str) -> Result<Self, VerifyError> {
        let body = json!({
            "client_id": run.new_client_id(), "client_name": "created by cloakroom verify", "scope": scope,
            "grant_types": ["authorization_code", "refresh_token"], "redirect_uris": [CALLBACK],
        });
        let made = run.done(&Request::post("/clients").json(&body), Some(&run.everything()?))?;
        let client = TestClient { id: made.text("client_id")?, secret: made.text("client_secret")? };
        Ok(Self { run, client })
    }

    /// Returns the path of an authorization request. `changes` override parameters; an empty value removes one.
    pub(super) fn authorize(&self, changes: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
        let usual = [
            ("response_type", "code"),
            ("client_id", self.client.id.as_str()),
            ("redirect_uri", CALLBACK),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let pairs = with_changes(&usual, changes);
        format!(
            "/oauth/authorize?{}",
            form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
        )
    }

    /// Signs the user in, and returns the page that follows.
    pub(super) fn sign_in(
        &self,
        browser: &Browser<'_>,
        user: &TestUser,
        changes: &[(&str, &str)],
    ) -> Result<Answer, VerifyError> {
        let page = browser.open(&self.authorize(changes))?;
        let fields = [("email", user.email.as_str()), ("password", &self.run.password), ("choice", "log-in")];
        browser.submit(&page, &fields)
    }

    /// Signs the user in, consents, and returns the code.
    pub(super) fn code(&self, user: &TestUser, changes: &[(&str, &str)]) -> Result<String, VerifyError> {
        let browser = Browser::new(self.run);
        let page = self.sign_in(&browser, user, changes)?;
        let answer = match page.status {
            200 => browser.submit(&page, &[("choice", "allow")])?,
            _ => page,
        };
        redirect_parameter(&answer, "code")
            .ok_or_else(|| VerifyError::new(format!("an authorization gets no code: {}", answer.summary())))
    }

    /// Redeems a code. `changes` override parameters; an empty value removes one.
    pub(super) fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> Result<Answer, VerifyError> {
        self.run.form_of(&self.client, "/oauth/token", &redemption(code, changes))
    }

    /// Completes the authorization, and returns the tokens.
    pub(super) fn tokens(&self, user: &TestUser, changes: &[(&str, &str)]) -> Result<Tokens, VerifyError> {
        let answer = self.redeem(&self.code(user, changes)?, &[])?;
        Tokens::of(answer)
    }

    /// Exchanges a refresh token.
    pub(super) fn refresh(&self, token: &str, scope: Option<&str>) -> Result<Answer, VerifyError> {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        form.extend(scope.map(|scope| ("scope", scope)));
        self.run.form_of(&self.client, "/oauth/token", &form)
    }
}

impl Fixture {
    /// Returns the id of a client that the user has consented to: the same as before, while the user stays the same.
    pub(in crate::qa::verify) fn consented_client(&self, user: &TestUser) -> Result<String, VerifyError> {
        let known = self.consent.borrow().clone();
        if let Some((_, client)) = known.filter(|(known, _)| *known == user.id) {
            return Ok(client);
        }
        let application = Application::register(self, USERS_READ.as_str())?;
        application.code(user, &[])?;
        self.consent.replace(Some((user.id.clone(), application.client.id.clone())));
        Ok(application.client.id)
    }
}

impl Tokens {
    pub(super) fn of(answer: Answer) -> Result<Self, VerifyError> {
        if !answer.is_success() {
            return Err(VerifyError::new(format!("a grant gets no tokens: {}", answer.summary())));
        }
        Ok(Self { access: answer.text("access_token")?, refresh: answer.text("refresh_token")?, answer })
    }
}

/// Returns the parameters that redeem a code.
pub(super) fn redemption<'a>(code: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let usual = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    with_changes(&usual, changes)
}

/// Returns a parameter of the URL to which the browser is redirected.
pub(super) fn redirect_parameter(answer: &Answer, name: &str) -> Option<String> {
    let (_, query) = answer.header("location")?.split_once('?')?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

fn with_changes<'a>(usual: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = usual.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.chain(changes).filter(|(_, value)| !value.is_empty()).copied().collect()
}
