//! `cloakroom token mint`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use actix_web::rt::System;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use serde_json::{Map, Value, json};

use super::super::arguments::{json_flag, switch};
use super::super::context::Context;
use super::super::output::{Failure, print, print_json};
use super::super::remote::{self, Remote};
use super::inspect::verdict;
use super::mint_subject::{Server, forged_client, unknown_user};
use crate::authz::ScopeSet;
use crate::config::parse;
use crate::text_file::read_text;
use crate::token::{
    DecodedToken, InvalidToken, IssueRequest, Issuer, TestTokenError, TestTokens, TokenDefect, UnsignedToken,
    long_ago,
};

pub(super) fn command() -> Command {
    let text = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let member = |name| text(name, "NAME=JSON").action(ArgAction::Append).value_parser(member);
    let defects = TokenDefect::ALL.iter().map(|defect| switch(defect.name(), defect.meaning()));
    let all: Vec<&str> = TokenDefect::ALL.iter().map(|defect| defect.name()).collect();
    Command::new("mint")
        .about("Create a token for a user or a client: a valid one, or one with a single defect")
        .after_help(
            "With --target, a test server makes the token: nothing else is needed.\n\n\
             On other servers a valid token, and some defects such as --expired, need the server's signing key: run the \
             command with the server's own settings. A forged token needs no key. Its issuer, its audience and the name \
             of the key are those of --target, or of the settings of this machine.\n\n\
             A token that would be refused for another reason than the one that it names is an error.\n\n\
             Standard output has only the token. The audit trail records each token made with the server's key.\n\n\
             Examples:\n  \
             cloakroom token mint --target http://127.0.0.1:8080 --as alice --expired\n  \
             cloakroom token mint --as ada@example.com --scope users:read\n  \
             cloakroom token mint --client reports --ttl 1h\n  \
             cloakroom token mint --as ada@example.com --wrong-audience\n  \
             cloakroom token mint --as 01890a5d-ac96-774b-bcce-b302099a8057 --hs256-with-public-key --jwks jwks.json",
        )
        .arg(remote::argument())
        .arg(text("as", "USER").help("The user of the token: an id or an e-mail address"))
        .arg(text("client", "CLIENT_ID").help("A client that acts for itself; with --as, the client of the user's token"))
        .arg(text("scope", "SCOPES").help("The scopes of the token [default: all that can be granted]"))
        .arg(text("ttl", "TIME").value_parser(|text: &str| parse::duration(1..=86_400)(text)).help("The lifetime of the token"))
        .arg(member("claim").help("Set a claim; null removes it; repeatable"))
        .arg(member("header").help("Set a header member; null removes it; repeatable"))
        .arg(text("typ", "TYP").help("Set typ instead of at+jwt"))
        .arg(text("alg", "ALG").help("Leave out the signature and set this algorithm: none, None, HS256 …"))
        .arg(text("jwks", "FILE").value_parser(value_parser!(PathBuf)).conflicts_with("target").help("The server's public keys"))
        .arg(switch("stale", "Its user authenticated 30 days ago (auth_time): rules with fresh refuse it"))
        .args(defects)
        .group(ArgGroup::new("defect").args(all).arg("alg"))
        .arg(json_flag())
}

/// Reads `NAME=JSON`. A value that is not JSON is a string.
fn member(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=JSON, such as exp=null")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

pub(super) fn run(context: &Context, given: &ArgMatches) -> Result<(), Failure> {
    let defect = TokenDefect::ALL.iter().copied().find(|defect| given.get_flag(defect.name()));
    match Remote::given(given)? {
        Some(remote) if remote.is_test() => from_test_server(context, &remote, given, defect),
        remote => System::new().block_on(mint(context, given, defect, remote.as_ref())),
    }
}

/// Orders the token from a test server, which tries it.
fn from_test_server(
    context: &Context,
    remote: &Remote,
    given: &ArgMatches,
    defect: Option<TokenDefect>,
) -> Result<(), Failure> {
    let (claims, header) = changes(given);
    let mut order =
        Map::from_iter([("claims".to_owned(), claims.into()), ("header".to_owned(), header.into())]);
    for name in ["as", "client", "scope"] {
        order.extend(given.get_one::<String>(name).map(|text| (name.to_owned(), text.clone().into())));
    }
    let ttl = given.get_one::<Duration>("ttl").map(|ttl| format!("{}s", ttl.as_secs()));
    order.extend(ttl.map(|ttl| ("ttl".to_owned(), ttl.into())));
    let stale = given.get_flag("stale").then_some("stale");
    order.extend(defect.map(TokenDefect::name).or(stale).map(|name| ("situation".to_owned(), name.into())));
    let made = remote.ask("/test/token", &order.into(), None)?;
    let token = made.get("token").and_then(Value::as_str).unwrap_or_default();
    match given.get_one::<String>("alg") {
        None if given.get_flag("json") => print_json(&made),
        None => print(&format!("{token}\n")),
        Some(algorithm) => {
            let said = DecodedToken::decode(token);
            let (header, claims) = (said.header.unwrap_or_default(), said.claims.unwrap_or_default());
            let now = context.clock_and_random.clock.now();
            let test_tokens = TestTokens { keys: None, jwks: Some(&remote.jwks()?), now };
            let token = test_tokens.with_algorithm(UnsignedToken { header, claims }, algorithm);
            print_token(&token, None, given)
        }
    }
}

async fn mint(
    context: &Context,
    given: &ArgMatches,
    defect: Option<TokenDefect>,
    remote: Option<&Remote>,
) -> Result<(), Failure> {
    let algorithm = given.get_one::<String>("alg");
    let needs_no_key = algorithm.is_some() || defect.is_some_and(|defect| !defect.needs_key());
    let server = match (Server::open(context).await, needs_no_key) {
        (Ok(server), _) => Some(server),
        (Err(_), true) => None,
        (Err(failure), false) => return Err(failure),
    };
    let expected = Expectation::new(context, server.as_ref(), remote)?;
    let draft = draft(context, given, server.as_ref(), &expected, needs_no_key).await?;
    let jwks = match (given.get_one::<PathBuf>("jwks"), &server, remote) {
        (Some(file), ..) => Some(read_jwks(file)?),
        (None, _, Some(remote)) => Some(remote.jwks()?),
        (None, Some(server), None) => Some(server.keys.current().jwks().clone()),
        (None, None, None) => None,
    };
    let keys = server.as_ref().map(|server| &server.keys);
    if let (false, Some(remote), Some(keys), Some(theirs)) = (needs_no_key, remote, keys, &jwks) {
        check_keys(keys.current().jwks(), theirs, remote)?;
    }
    let now = context.clock_and_random.clock.now();
    let test_tokens = TestTokens { keys, jwks: jwks.as_ref(), now };
    let token = match (defect, algorithm) {
        (Some(defect), _) => test_tokens.defective(defect, draft)?,
        (None, Some(algorithm)) => test_tokens.with_algorithm(draft, algorithm),
        (None, None) => test_tokens.valid(draft)?,
    };
    if let Some(server) = server {
        if !needs_no_key {
            server.write_down(context, &token, defect).await?;
        }
        let (claims, header) = changes(given);
        if defect.is_some() || (algorithm.is_none() && claims.is_empty() && header.is_empty()) {
            let Expectation { issuer, audience } = &expected;
            let refused = verdict(context, &server.store, issuer, audience, &token).await?;
            check_reason(refused, defect.map(TokenDefect::refusal))?;
        }
    }
    print_token(&token, defect.map(TokenDefect::refusal), given)
}

/// `iss` and `aud` that the server expects.
struct Expectation {
    issuer: String,
    audience: String,
}

impl Expectation {
    /// Takes them from the target, else from the settings of this machine.
    ///
    /// # Errors
    /// When this machine has neither the server's database nor a setting for the issuer: its default would be a guess.
    fn new(context: &Context, server: Option<&Server>, remote: Option<&Remote>) -> Result<Self, Failure> {
        let config = context.config();
        match remote {
            Some(Remote { issuer, audience, .. }) => {
                Ok(Self { issuer: issuer.clone(), audience: audience.clone() })
            }
            None if server.is_none() && config.issuer.is_none() => Err(Failure::new(
                "the issuer of the server is not known on this machine: give --target URL, or --issuer",
            )),
            None => Ok(Self {
                issuer: config.issuer_at(config.listen),
                audience: config.audience_at(config.listen),
            }),
        }
    }
}

/// # Errors
/// When the target has none of the keys of this machine: it would refuse every token for its unknown key.
fn check_keys(ours: &Value, theirs: &Value, remote: &Remote) -> Result<(), Failure> {
    let ids = |jwks: &Value| -> Vec<Value> {
        let keys = jwks.get("keys").and_then(Value::as_array).into_iter().flatten();
        keys.filter_map(|key| key.get("kid").cloned()).collect()
    };
    let known = ids(theirs);
    match ids(ours).iter().any(|id| known.contains(id)) {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "this machine does not have the signing keys of {}: run the command with the settings of that server",
            remote.url
        ))),
    }
}

/// # Errors
/// When the token is not refused for the one reason that it names.
fn check_reason(refused: Option<InvalidToken>, named: Option<InvalidToken>) -> Result<(), Failure> {
    let told = |reason: Option<InvalidToken>| reason.map_or("accepted", InvalidToken::as_str);
    match refused == named {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "no such token can be made here: the verifier says {} instead of {}",
            told(refused),
            told(named)
        ))),
    }
}

/// Returns the claims and the members of the header to set.
fn changes(given: &ArgMatches) -> (Map<String, Value>, Map<String, Value>) {
    let members = |name: &str| given.get_many::<(String, Value)>(name).into_iter().flatten().cloned();
    let typ = given.get_one::<String>("typ").map(|typ| ("typ".to_owned(), typ.as_str().into()));
    (members("claim").collect(), members("header").chain(typ).collect())
}

/// Prints the token; as JSON, with its content and the expected answer of a server.
fn print_token(token: &str, refusal: Option<InvalidToken>, given: &ArgMatches) -> Result<(), Failure> {
    if !given.get_flag("json") {
        return print(&format!("{token}\n"));
    }
    let DecodedToken { header, claims } = DecodedToken::decode(token);
    let refused =
        refusal.map(|reason| json!({ "status": 401, "reason": reason.as_str(), "because": reason.reason() }));
    print_json(&json!({ "token": token, "header": header, "claims": claims, "refused": refused }))
}

fn read_jwks(file: &Path) -> Result<Value, Failure> {
    let read = read_text(file).map_err(|error| error.to_string());
    let parsed = read.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
    parsed.map_err(|error| Failure::new(format!("{} is not a JWK Set: {error}", file.display())))
}

/// Returns the content of the token, without the defect.
async fn draft(
    context: &Context,
    given: &ArgMatches,
    server: Option<&Server>,
    expected: &Expectation,
    needs_no_key: bool,
) -> Result<UnsignedToken, Failure> {
    let text = |name: &str| given.get_one::<String>(name).map(String::as_str);
    let asked = match text("scope") {
        Some(list) => {
            Some(context.vocabulary().known_scopes(list).map_err(|why| Failure::new(why.to_string()))?)
        }
        None => None,
    };
    let subject = match (server, text("as"), text("client")) {
        (Some(server), Some(user), client) => match server.user(context, user, client).await {
            Err(_) if needs_no_key => unknown_user(context, user)?,
            subject => subject?,
        },
        (Some(server), None, Some(client)) => match server.client(context, client).await {
            Err(_) if needs_no_key => forged_client(client),
            subject => subject?,
        },
        (None, Some(user), _) => unknown_user(context, user)?,
        (None, None, Some(client)) => forged_client(client),
        (_, None, None) => return Err(Failure::new("give --as USER or --client CLIENT_ID")),
    };
    let scope = match asked {
        Some(asked) => narrowed(&asked, &subject.most, needs_no_key)?,
        None => subject.most,
    };
    let config = context.config();
    let ttl = given.get_one::<Duration>("ttl").copied().unwrap_or(config.access_token_ttl);
    let Expectation { issuer, audience } = expected;
    let (clock, random) = (context.clock_and_random.clock.clone(), context.clock_and_random.random.clone());
    let request = IssueRequest {
        subject: subject.issue_to,
        client_id: subject.client_id,
        scope: &scope,
        session: None,
        audience: None,
        bound_to: None,
    };
    let draft = Issuer::new(issuer, audience, ttl, None, clock, random).draft(request);
    let mut draft = draft.map_err(|error| Failure::new(error.to_string()))?;
    if given.get_flag("stale") {
        let auth_time = long_ago(context.clock_and_random.clock.now()).timestamp();
        draft.claims.insert("auth_time".to_owned(), auth_time.into());
    }
    let (claims, header) = changes(given);
    draft.set(&claims, &header);
    Ok(draft)
}

/// A good token never carries more than can be granted.
fn narrowed(asked: &ScopeSet, most: &ScopeSet, needs_no_key: bool) -> Result<ScopeSet, Failure> {
    let more = asked.difference(most);
    if more.is_empty() || needs_no_key {
        return Ok(asked.clone());
    }
    Err(Failure::new(format!("{more} cannot be granted here; a valid token never has it")))
}

impl From<TestTokenError> for Failure {
    fn from(error: TestTokenError) -> Self {
        Self::new(error.to_string())
    }
}
