//! OAuth client with a redirect URI, which signs its users in.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::browser::Browser;
use super::http::{Answer, Request};
use super::people::Person;
use super::server::Server;

/// PKCE code verifier of every test application (RFC 7636 §4.1).
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Redirect URI of the test applications.
pub const CALLBACK: &str = "https://app.example.org/cb?tenant=1";

/// Registered client that uses the authorization code flow.
#[derive(Clone, Debug)]
pub struct Application {
    pub id: String,
    pub secret: Option<String>,
}

impl Server {
    /// Registers a confidential client with a secret.
    pub fn application(&self, id: &str, scope: &str) -> Application {
        self.register_application(&json!({ "client_id": id, "scope": scope }))
    }

    /// Registers a public client, such as a single-page or mobile application.
    pub fn public_application(&self, id: &str, scope: &str) -> Application {
        self.register_application(
            &json!({ "client_id": id, "scope": scope, "token_endpoint_auth_method": "none" }),
        )
    }

    /// Registers a client. `members` overrides or extends the members that all test clients have.
    pub fn register_application(&self, members: &Value) -> Application {
        let mut body = json!({
            "grant_types": ["authorization_code", "refresh_token"],
            "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": ["https://app.example.org/bye"],
        });
        for (name, value) in members.as_object().expect("members") {
            body[name] = value.clone();
        }
        let token = self.registrar_token();
        let made = self.post("/clients").bearer(&token).json(&body).send().expect(201).json();
        Application {
            id: made["client_id"].as_str().expect("an id").to_owned(),
            secret: made["client_secret"].as_str().map(str::to_owned),
        }
    }

    /// Returns a token of a user who can register clients.
    fn registrar_token(&self) -> String {
        let email = "registrar@example.com";
        let body = json!({ "email": email, "password": super::PASSWORD });
        let known = self.post("/sessions").json(&body).send();
        match known.status {
            200 => known.json()["access_token"].as_str().expect("a token").to_owned(),
            _ => self.person_with_roles("registrar", &["admin"]).token,
        }
    }
}

impl Application {
    /// Returns the parameters of a valid authorization request. `changes` override them; an empty value
    /// removes one.
    pub fn request(&self, changes: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
        let usual = [
            ("response_type", "code"),
            ("client_id", self.id.as_str()),
            ("redirect_uri", CALLBACK),
            ("scope", "openid users:read"),
            ("state", "s t&te"),
            ("nonce", "n-1"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        form_urlencoded::Serializer::new(String::new()).extend_pairs(with_changes(&usual, changes)).finish()
    }

    /// Returns the path of an authorization request with these parameters.
    pub fn authorize(&self, changes: &[(&str, &str)]) -> String {
        format!("/oauth/authorize?{}", self.request(changes))
    }

    /// Signs the user in, consents to everything, and returns the redirect to the application.
    pub fn sign_in_and_consent(
        &self,
        browser: &mut Browser,
        person: &Person,
        changes: &[(&str, &str)],
    ) -> Answer {
        let mut answer = browser.open(&self.authorize(changes));
        if answer.body.contains("<h1>Sign in</h1>") {
            answer = browser.sign_in(&answer, &person.email);
        }
        if answer.status == 200 {
            answer = browser.submit(&answer, "allow", &[]);
        }
        answer.expect(303)
    }

    /// Completes the authorization in a new browser and returns the code.
    pub fn code(&self, server: &Server, person: &Person, changes: &[(&str, &str)]) -> String {
        redirect_parameter(&self.sign_in_and_consent(&mut Browser::new(server), person, changes), "code")
    }

    /// Completes the authorization in a new browser and returns the token response.
    pub fn tokens(&self, server: &Server, person: &Person, changes: &[(&str, &str)]) -> Value {
        self.redeem(server, &self.code(server, person, changes)).expect(200).json()
    }

    pub fn redeem(&self, server: &Server, code: &str) -> Answer {
        self.redeem_with(server, code, &[])
    }

    /// Redeems a code. `changes` override the request's parameters; an empty value removes one.
    pub fn redeem_with(&self, server: &Server, code: &str, changes: &[(&str, &str)]) -> Answer {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.post(server, "/oauth/token", &with_changes(&usual, changes))
    }

    pub fn refresh(&self, server: &Server, refresh_token: &str) -> Answer {
        self.refresh_for(server, refresh_token, None)
    }

    pub fn refresh_for(&self, server: &Server, refresh_token: &str, scope: Option<&str>) -> Answer {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        form.extend(scope.map(|scope| ("scope", scope)));
        self.post(server, "/oauth/token", &form)
    }

    /// Sends a form with the client's own credentials.
    pub fn post(&self, server: &Server, path: &str, form: &[(&str, &str)]) -> Answer {
        self.authenticated(server.post(path), form).send()
    }

    /// Adds a form with the client's own credentials to a request.
    pub fn authenticated(&self, request: Request, form: &[(&str, &str)]) -> Request {
        match &self.secret {
            Some(secret) => request.basic(&self.id, secret).form(form),
            None => request.form(&[form, &[("client_id", &self.id)]].concat()),
        }
    }
}

/// Returns the parameters with `changes` applied; an empty value removes one.
fn with_changes<'a>(usual: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = usual.iter().filter(|(name, _)| !changes.iter().any(|(with_changes, _)| with_changes == name));
    kept.chain(changes).filter(|(_, value)| !value.is_empty()).copied().collect()
}

/// Returns a parameter of the URL to which the browser is redirected.
#[track_caller]
pub fn redirect_parameter(answer: &Answer, name: &str) -> String {
    let location = answer.header("location").unwrap_or_else(|| panic!("no redirect: {answer:?}"));
    let query = location.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let mut found = form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known == name);
    let value = found.next().unwrap_or_else(|| panic!("no {name} in {location}")).1.into_owned();
    assert!(found.next().is_none(), "{name} occurs twice in {location}");
    value
}
