//! `cloakroom token inspect`.

use std::sync::Arc;

use actix_web::rt::System;
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::arguments::json_flag;
use super::super::context::Context;
use super::super::output::{Failure, print, print_json};
use super::super::remote::{self, Remote};
use crate::domain::{format_time, parse_time};
use crate::store::TrustedStore;
use crate::text_file::read_stdin;
use crate::token::{
    Check, DecodedToken, Expected, InvalidToken, Revocations, TokenTyp, TrustedIssuer, Verification,
    Verifier, find_claim, numeric_date,
};

/// Maximum length of the input, in bytes. It is above that of any token.
const MAX_BYTES: u64 = 64 * 1024;

pub(super) fn command() -> Command {
    let token = Arg::new("token").value_name("TOKEN").allow_hyphen_values(true);
    Command::new("inspect")
        .about("Explain, check by check, why a token is or is not accepted")
        .after_help(
            "Without TOKEN it reads standard input, which keeps the token out of the shell's history. The result is \
             that of the server's own verifier, with its settings and its database. Neither the signature nor the \
             whole token is printed. With --target, a test server gives the result.\n\n\
             Exit code 1 when it is not accepted.\n\n\
             Examples:\n  cloakroom token inspect < token.txt\n  \
             cloakroom token inspect --target http://127.0.0.1:8080 < token.txt",
        )
        .arg(remote::argument())
        .arg(token.help("The token, with or without `Bearer `"))
        .arg(json_flag())
}

pub(super) fn run(context: &Context, given: &ArgMatches) -> Result<(), Failure> {
    let given_token = given.get_one::<String>("token").cloned();
    let text = given_token.map_or_else(read_input, |token| Ok(Zeroizing::new(token)))?;
    let text = text.trim();
    let token = text.strip_prefix("Bearer ").unwrap_or(text).trim();
    let config = context.config();
    let now = context.clock_and_random.clock.now();
    let said = DecodedToken::decode(token);
    let report = match Remote::given(given)? {
        Some(remote) => {
            let (verdict, now) = ask(&remote, token)?;
            Report { trusted: &[], issuer: remote.issuer, audience: remote.audience, said, verdict, now }
        }
        None => {
            let (issuer, audience) = (config.issuer_at(config.listen), config.audience_at(config.listen));
            let verdict = System::new().block_on(async {
                let store = context.store()?;
                verdict(context, &store, &issuer, &audience, token).await
            })?;
            Report { trusted: &config.trusted_issuers, issuer, audience, said, verdict, now }
        }
    };
    if given.get_flag("json") {
        print_json(&report.as_json())?
    } else {
        print(&report.as_text())?
    }
    match report.verdict {
        None => Ok(()),
        Some(reason) => Err(Failure::new(format!("the token is not accepted: {reason}"))),
    }
}

fn read_input() -> Result<Zeroizing<String>, Failure> {
    read_stdin(MAX_BYTES)
        .map_err(|error| Failure::new(format!("no token can be read from standard input: {error}")))
}

/// Asks a test server for the reason for which it refuses the token, and for its time.
fn ask(remote: &Remote, token: &str) -> Result<(Option<InvalidToken>, DateTime<Utc>), Failure> {
    if !remote.is_test() {
        return Err(Failure::new(format!(
            "{} is no test server: run the command on its own machine, with its settings, and without --target",
            remote.url
        )));
    }
    let said = remote.ask("/test/token/inspect", &json!({ "token": token }), None)?;
    let text = |pointer: &str| said.pointer(pointer).and_then(Value::as_str);
    let verdict = match text("/refused/reason") {
        None => None,
        Some(reason) => {
            let known = InvalidToken::ALL.iter().copied().find(|known| known.as_str() == reason);
            let unknown = || format!("{} refuses the token for a reason unknown here: {reason}", remote.url);
            Some(known.ok_or_else(|| Failure::new(unknown()))?)
        }
    };
    let now = text("/now").and_then(parse_time);
    let now = now.ok_or_else(|| Failure::new(format!("{} does not tell its time", remote.url)))?;
    Ok((verdict, now))
}

/// Returns the reason for which the server's verifier refuses the token, if it does.
pub(super) async fn verdict(
    context: &Context,
    store: &TrustedStore,
    issuer: &str,
    audience: &str,
    token: &str,
) -> Result<Option<InvalidToken>, Failure> {
    let config = context.config();
    let keys = match config.authorization_server {
        true => Some(Arc::new(context.signing_keys(store).await?)),
        false => None,
    };
    let revocations = Arc::new(Revocations::default());
    store.revocations(0, |page| revocations.apply(page)).await?;
    let expected =
        Expected { issuer: issuer.to_owned(), audience: audience.to_owned(), leeway: config.leeway };
    let vocabulary = Arc::new(context.vocabulary().clone());
    let verifier =
        Verifier::new(expected, keys, revocations, context.clock_and_random.clock.clone(), vocabulary)
            .with_trusted_issuers(&config.trusted_issuers);
    for issuer in verifier.external_issuers() {
        actix_web::rt::spawn(crate::token::refresh_keys(Arc::clone(issuer)));
    }
    let confirmed = match verifier.verify_awaiting_keys(token).await {
        Ok(Verification::Unconfirmed(unconfirmed)) => {
            let account = store.account_state(unconfirmed.user_id()).await?;
            unconfirmed.confirm(account.as_ref()).map(drop)
        }
        Ok(Verification::External(external)) => {
            // An inspection must not create an account.
            let linked = store.linked_user(external.user()).await?;
            verifier.confirm_external(&external, linked).map(drop)
        }
        Ok(Verification::Bound(_)) => Err(InvalidToken::Bound),
        Ok(Verification::Verified(_)) => Ok(()),
        Err(reason) => Err(reason),
    };
    Ok(confirmed.err())
}

struct Report<'a> {
    /// The trusted issuers that are known here.
    trusted: &'a [TrustedIssuer],
    issuer: String,
    audience: String,
    said: DecodedToken,
    verdict: Option<InvalidToken>,
    now: DateTime<Utc>,
}

impl Report<'_> {
    /// Returns each check with its outcome and the values in the token.
    fn checks(&self) -> Vec<(Check, &'static str, String)> {
        let failed = self.verdict.map(Check::of);
        let place = |check: Check| Check::ALL.iter().position(|known| *known == check);
        let reached = failed.and_then(place);
        let outcome = |check: Check| match (reached, place(check)) {
            (Some(failed), Some(this)) if this == failed => "failed",
            (Some(failed), Some(this)) if this > failed => "not-reached",
            _ => "passed",
        };
        Check::ALL.iter().map(|check| (*check, outcome(*check), self.found(*check))).collect()
    }

    fn found(&self, check: Check) -> String {
        let header = |name: &str| shown(self.said.header.as_ref().and_then(|header| header.get(name)));
        let claim = |name: &str| shown(self.said.claims.as_ref().and_then(|claims| find_claim(claims, name)));
        let named = |name: &str| format!("{name} {}", claim(name));
        let expected = self.expected();
        match check {
            Check::Algorithm => format!("{}{}", header("alg"), expected.algorithms),
            Check::Type => format!("{}; expected {}", header("typ"), expected.typ),
            Check::Key => header("kid"),
            Check::Critical => header("crit"),
            Check::Issuer => format!("{}; expected {}", claim("iss"), expected.issuers),
            Check::Audience if expected.audience_claim == "aud" => {
                format!("{}; expected {}", claim("aud"), expected.audiences)
            }
            Check::Audience => format!("{}; expected {}", named(expected.audience_claim), expected.audiences),
            Check::Times => ["iat", "nbf", "exp"]
                .into_iter()
                .filter_map(|name| self.time(name))
                .collect::<Vec<_>>()
                .join(", "),
            Check::Claims => expected.claims.iter().map(|name| named(name)).collect::<Vec<_>>().join(", "),
            Check::Size | Check::Form | Check::Signature | Check::AccountState | Check::Possession => {
                String::new()
            }
        }
    }

    /// Returns what the server expects of a token of this issuer.
    fn expected(&self) -> Expectations<'_> {
        let (own, audience) = (&self.issuer, &self.audience);
        let named = self.said.claims.as_ref().and_then(|claims| claims.get("iss")?.as_str());
        match self.trusted.iter().find(|trusted| named == Some(trusted.issuer())) {
            Some(trusted) => Expectations::of_external(trusted, audience),
            None => Expectations {
                algorithms: String::new(),
                typ: "\"at+jwt\"",
                issuers: listed(
                    std::iter::once(own.as_str()).chain(self.trusted.iter().map(TrustedIssuer::issuer)),
                ),
                audience_claim: "aud",
                audiences: listed([audience.as_str()]),
                claims: vec!["sub", "client_id", "scope"],
            },
        }
    }

    /// Returns a time claim, and its distance from now.
    fn time(&self, name: &str) -> Option<String> {
        let at = numeric_date(self.said.claims.as_ref()?.get(name)?)?;
        let apart = at - self.now;
        let words = |apart: TimeDelta| {
            let whole = TimeDelta::seconds(apart.num_seconds());
            humantime::format_duration(whole.to_std().unwrap_or_default()).to_string()
        };
        let told = if apart < TimeDelta::zero() {
            format!("{} ago", words(-apart))
        } else {
            format!("in {}", words(apart))
        };
        Some(format!("{name} {} ({told})", format_time(at)))
    }

    fn as_text(&self) -> String {
        let line = |(check, outcome, found): &(Check, &str, String)| {
            let mark = match *outcome {
                "passed" => "✓",
                "failed" => "✗",
                _ => "·",
            };
            let why = self
                .verdict
                .filter(|_| *outcome == "failed")
                .map(|why| format!("{why}; "))
                .unwrap_or_default();
            let found = if found.is_empty() { String::new() } else { format!(": {found}") };
            format!("{mark} {:<10} {why}{}{found}\n", check.name(), check.rule())
        };
        let checks: String = self.checks().iter().map(line).collect();
        let verdict = match self.verdict {
            None => "accepted".to_owned(),
            Some(reason) => format!("not accepted: {reason}"),
        };
        format!("{checks}\n{verdict}\n")
    }

    fn as_json(&self) -> Value {
        let checks: Vec<Value> = self
            .checks()
            .into_iter()
            .map(|(check, outcome, found)| {
                json!({ "check": check.name(), "rule": check.rule(), "outcome": outcome, "found": found })
            })
            .collect();
        json!({
            "accepted": self.verdict.is_none(),
            "reason": self.verdict.map(InvalidToken::as_str),
            "because": self.verdict.map(InvalidToken::reason),
            "checks": checks,
            "header": self.said.header,
            "claims": self.said.claims,
        })
    }
}

/// Expectations of the server on the tokens of an issuer, as texts.
struct Expectations<'a> {
    /// Accepted algorithms. Empty for tokens of this server, whose keys decide.
    algorithms: String,
    typ: &'static str,
    issuers: String,
    audience_claim: &'a str,
    audiences: String,
    /// Claims that name the user, the client and the scopes.
    claims: Vec<&'a str>,
}

impl<'a> Expectations<'a> {
    fn of_external(issuer: &'a TrustedIssuer, our_audience: &str) -> Self {
        let algorithms: Vec<String> = issuer.algorithms.iter().map(|known| format!("{known:?}")).collect();
        let typ = match issuer.typ {
            TokenTyp::AccessToken => "\"at+jwt\"",
            TokenTyp::Any => "\"JWT\" or \"at+jwt\"",
            TokenTyp::Absent => "none or \"at+jwt\"",
        };
        let audiences = match issuer.audiences.as_slice() {
            [] => listed([our_audience]),
            named => listed(named.iter().map(String::as_str)),
        };
        let names = [issuer.subject_claim.as_str(), &issuer.client_id_claim];
        Self {
            algorithms: format!("; expected {}", listed(algorithms.iter().map(String::as_str))),
            typ,
            issuers: listed([issuer.issuer()]),
            audience_claim: &issuer.audience_claim,
            audiences,
            claims: names.into_iter().chain(issuer.scope_claims.iter().map(String::as_str)).collect(),
        }
    }
}

fn listed<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(" or ")
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "none".to_owned(), Value::to_string)
}
