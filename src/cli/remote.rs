//! `--target URL`: a running server, which says what a command would otherwise take from the settings of this machine.

use clap::{Arg, ArgMatches};
use serde_json::{Value, json};
use url::Url;

use super::output::Failure;
use crate::domain::web_url;
use crate::http::ENVIRONMENT_HEADER;
use crate::qa::verify::{Answer, Client, Request};

/// Running server.
pub(super) struct Remote {
    pub(super) url: String,
    pub(super) client: Client,
    /// Purpose that it states: `test`, `staging`, or nothing.
    pub(super) environment: Option<String>,
    /// `iss` of its tokens.
    pub(super) issuer: String,
    /// `aud` of its tokens.
    pub(super) audience: String,
}

/// Returns the option `--target`.
pub(super) fn argument() -> Arg {
    let target = Arg::new("target")
        .long("target")
        .value_name("URL")
        .value_parser(|text: &str| web_url(text).ok_or("write the URL of a server"));
    target.help("The URL of a running server; a test server needs nothing else")
}

impl Remote {
    /// Asks the target for its issuer and its audience. None without `--target`.
    ///
    /// # Errors
    /// When it does not answer, or is no server of this kind.
    pub(super) fn given(given: &ArgMatches) -> Result<Option<Self>, Failure> {
        given.get_one::<Url>("target").map(Self::at).transpose()
    }

    fn at(url: &Url) -> Result<Self, Failure> {
        let url = url.as_str().trim_end_matches('/').to_owned();
        let client = Client::of(&url);
        let answer = client.send(&Request::get("/.well-known/oauth-protected-resource"), None)?;
        let metadata = answer.json();
        let audience = metadata.get("resource").and_then(Value::as_str);
        let issuer = metadata.pointer("/authorization_servers/0").and_then(Value::as_str);
        let (Some(audience), Some(issuer)) = (audience, issuer) else {
            return Err(Failure::new(format!(
                "{url} does not tell its issuer: GET /.well-known/oauth-protected-resource has the answer {}",
                answer.summary()
            )));
        };
        Ok(Self {
            environment: answer.header(ENVIRONMENT_HEADER).map(str::to_owned),
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            url,
            client,
        })
    }

    /// True for a test server, which makes every token.
    pub(super) fn is_test(&self) -> bool {
        self.environment.as_deref() == Some("test")
    }

    /// Returns its public keys (RFC 7517).
    pub(super) fn jwks(&self) -> Result<Value, Failure> {
        Ok(self.client.send(&Request::get("/.well-known/jwks.json"), None)?.json())
    }

    /// Returns the JSON of a successful answer of a test server to `POST path`.
    ///
    /// # Errors
    /// With the reason that the server tells.
    pub(super) fn ask(&self, path: &str, body: &Value, token: Option<&str>) -> Result<Value, Failure> {
        let answer = self.client.send(&Request::post(path).json(body), token)?;
        match answer.is_success() {
            true => Ok(answer.json()),
            false => Err(Failure::new(format!("{} refuses: {}", self.url, reason(&answer)))),
        }
    }

    /// Returns a token of a test server's client with every scope.
    pub(super) fn everything(&self) -> Result<String, Failure> {
        let made = self.ask("/test/token", &json!({ "client": "everything" }), None)?;
        Ok(made.get("token").and_then(Value::as_str).unwrap_or_default().to_owned())
    }
}

/// Returns what a problem says in words.
fn reason(answer: &Answer) -> String {
    let problem = answer.json();
    let rules = problem.get("errors").and_then(Value::as_array).into_iter().flatten();
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rules: Vec<String> =
        rules.map(|rule| format!("{} {}", text(rule, "pointer"), text(rule, "detail"))).collect();
    match rules.is_empty() {
        true => format!("{} {}", answer.summary(), text(&problem, "detail")),
        false => rules.join("; "),
    }
}
