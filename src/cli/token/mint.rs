//! `cloakroom token mint`.

use std::path::PathBuf;
use std::time::Duration;

use actix_web::rt::System;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::account::AccountRef;
use super::super::arguments::{json_flag, switch};
use super::super::context::Context;
use super::super::output::{Failure, print, print_json};
use crate::authz::action::Read;
use crate::authz::{Actor, AuditEvent, Outcome, ScopeSet};
use crate::config::parse;
use crate::domain::{ClientId, Role, Status, User, UserId};
use crate::store::{OneTimeJwts, TokenOwner, TrustedStore};
use crate::token::{
    DecodedToken, InvalidToken, IssueRequest, IssueTo, Issuer, Keys, TestTokenError, TestTokens, TokenDefect,
    UnsignedToken, long_ago, numeric_date,
};

pub(super) fn command() -> Command {
    let text = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let member = |name| text(name, "NAME=JSON").action(ArgAction::Append).value_parser(member);
    let defects = TokenDefect::ALL.iter().map(|defect| switch(defect.name(), defect.meaning()));
    let all: Vec<&str> = TokenDefect::ALL.iter().map(|defect| defect.name()).collect();
    Command::new("mint")
        .about("Create a token for a user or a client: a valid one, or one with a single defect")
        .after_help(
            "A valid token, and some defects such as --expired, need the server's signing key: run the command with the \
             server's own settings. A forged token needs no key. If it must name the server's key, it takes the name \
             from the database, or from --jwks.\n\n\
             Standard output has only the token. The audit trail records each token made with the server's key.\n\n\
             Examples:\n  \
             cloakroom token mint --as ada@example.com --scope users:read\n  \
             cloakroom token mint --client reports --ttl 1h\n  \
             cloakroom token mint --as ada@example.com --wrong-audience\n  \
             cloakroom token mint --as 01890a5d-ac96-774b-bcce-b302099a8057 --hs256-with-public-key --jwks jwks.json",
        )
        .arg(text("as", "USER").help("The user of the token: an id or an e-mail address"))
        .arg(text("client", "CLIENT_ID").help("A client that acts for itself; with --as, the client of the user's token"))
        .arg(text("scope", "SCOPES").help("The scopes of the token [default: all that can be granted]"))
        .arg(text("ttl", "TIME").value_parser(|text: &str| parse::duration(1..=86_400)(text)).help("The lifetime of the token"))
        .arg(member("claim").help("Set a claim; null removes it; repeatable"))
        .arg(member("header").help("Set a header member; null removes it; repeatable"))
        .arg(text("typ", "TYP").help("Set typ instead of at+jwt"))
        .arg(text("alg", "ALG").help("Leave out the signature and set this algorithm: none, None, HS256 …"))
        .arg(text("jwks", "FILE").value_parser(value_parser!(PathBuf)).help("The server's public keys"))
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
    System::new().block_on(mint(context, given, defect))
}

async fn mint(context: &Context, given: &ArgMatches, defect: Option<TokenDefect>) -> Result<(), Failure> {
    let algorithm = given.get_one::<String>("alg");
    let needs_no_key = algorithm.is_some() || defect.is_some_and(|defect| !defect.needs_key());
    let server = match (Server::open(context).await, needs_no_key) {
        (Ok(server), _) => Some(server),
        (Err(_), true) => None,
        (Err(failure), false) => return Err(failure),
    };
    let draft = draft(context, given, server.as_ref(), needs_no_key).await?;
    let jwks = match (given.get_one::<PathBuf>("jwks"), &server) {
        (Some(file), _) => Some(read_jwks(file)?),
        (None, Some(server)) => Some(server.keys.current().jwks().clone()),
        (None, None) => None,
    };
    let keys = server.as_ref().map(|server| &server.keys);
    let now = context.clock_and_random.clock.now();
    let test_tokens = TestTokens { keys, jwks: jwks.as_ref(), now };
    let token = match (defect, algorithm) {
        (Some(defect), _) => test_tokens.defective(defect, draft)?,
        (None, Some(algorithm)) => test_tokens.with_algorithm(draft, algorithm),
        (None, None) => test_tokens.valid(draft)?,
    };
    if let Some(server) = server.filter(|_| !needs_no_key) {
        server.write_down(context, &token, defect).await?;
    }
    print_token(&token, defect.map(TokenDefect::refusal), given)
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

fn read_jwks(file: &PathBuf) -> Result<Value, Failure> {
    let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
    let parsed = read.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
    parsed.map_err(|error| Failure::new(format!("{} is not a JWK Set: {error}", file.display())))
}

/// Returns the content of the token, without the defect.
async fn draft(
    context: &Context,
    given: &ArgMatches,
    server: Option<&Server>,
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
            Err(_) if needs_no_key => unknown_user(context, user),
            subject => subject?,
        },
        (Some(server), None, Some(client)) => match server.client(context, client).await {
            Err(_) if needs_no_key => forged_client(client),
            subject => subject?,
        },
        (None, Some(user), _) => unknown_user(context, user),
        (None, None, Some(client)) => forged_client(client),
        (_, None, None) => return Err(Failure::new("give --as USER or --client CLIENT_ID")),
    };
    let scope = match asked {
        Some(asked) => cut(&asked, &subject.most, needs_no_key)?,
        None => subject.most,
    };
    let config = context.config();
    let issuer = config.issuer_at(config.listen);
    let ttl = given.get_one::<Duration>("ttl").copied().unwrap_or(config.access_token_ttl);
    let audience = config.audience_at(config.listen);
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
    let members = |name: &str| given.get_many::<(String, Value)>(name).into_iter().flatten().cloned();
    let typ = text("typ").map(|typ| ("typ".to_owned(), typ.into()));
    draft.set(&members("claim").collect(), &members("header").chain(typ).collect());
    Ok(draft)
}

/// A good token never carries more than can be granted.
fn cut(asked: &ScopeSet, most: &ScopeSet, needs_no_key: bool) -> Result<ScopeSet, Failure> {
    let more = asked.difference(most);
    if more.is_empty() || needs_no_key {
        return Ok(asked.clone());
    }
    Err(Failure::new(format!("{more} cannot be granted here; a valid token never has it")))
}

/// Subject of a token, with the scopes that can be granted.
struct For {
    issue_to: IssueTo,
    client_id: String,
    most: ScopeSet,
}

/// A user that is not looked up: enough for a test token.
fn unknown_user(context: &Context, user: &str) -> For {
    let now = context.clock_and_random.clock.now();
    let id = user.parse().ok().or_else(|| context.clock_and_random.random.uuid_at(now).ok().map(UserId));
    let roles = vec![Role::USER];
    let most = context.vocabulary().granted_by(&roles);
    let id = id.unwrap_or(UserId(Uuid::nil()));
    let issue_to = IssueTo::User { id, roles, epoch: 1, client_epoch: None, auth_time: now };
    For { issue_to, client_id: ClientId::FIRST_PARTY.to_owned(), most }
}

fn forged_client(client: &str) -> For {
    let issue_to = IssueTo::Client { id: client.to_owned(), epoch: 1 };
    For { issue_to, client_id: client.to_owned(), most: ScopeSet::default() }
}

/// Store and signing keys of the server with this configuration.
struct Server {
    store: TrustedStore,
    keys: Keys,
}

impl Server {
    async fn open(context: &Context) -> Result<Self, Failure> {
        let store = context.store()?;
        let keys = context.signing_keys(&store).await?;
        Ok(Self { store, keys })
    }

    async fn user(&self, context: &Context, user: &str, client: Option<&str>) -> Result<For, Failure> {
        let named = AccountRef::parse(user).map_err(|why| Failure::new(format!("{user:?} {why}")))?;
        let id = named.id(&self.store).await?;
        let operator = context.operator();
        let filter = operator.reach::<User, Read>()?.lookup_filter();
        let found = self.store.find(id, filter).await?;
        let user = operator.open::<User, Read>(found).map_err(|_| named.missing())?.into_record();
        if user.status != Status::Active {
            return Err(Failure::new(format!("{named} is suspended: no token of this user is valid")));
        }
        let most = context.vocabulary().granted_by(&user.roles);
        let auth_time = context.clock_and_random.clock.now();
        let (roles, epoch) = (user.roles, user.epoch);
        let issue_to = IssueTo::User { id, roles, epoch, client_epoch: None, auth_time };
        Ok(For { issue_to, client_id: client.unwrap_or(ClientId::FIRST_PARTY).to_owned(), most })
    }

    async fn client(&self, context: &Context, client: &str) -> Result<For, Failure> {
        let missing = || Failure::new(format!("there is no client {client}; see cloakroom clients list"));
        let id: ClientId = client.parse().map_err(|_| missing())?;
        let known = self.store.client_by_id(id).await?.ok_or_else(missing)?;
        let most = context.vocabulary().scopes_in(&known.client.scope.join(" "));
        Ok(For {
            issue_to: IssueTo::Client { id: client.to_owned(), epoch: known.epoch },
            client_id: client.to_owned(),
            most,
        })
    }

    /// Records in the audit trail that the operator created the token, and revokes a token with that defect.
    async fn write_down(
        &self,
        context: &Context,
        token: &str,
        defect: Option<TokenDefect>,
    ) -> Result<(), Failure> {
        let claims = DecodedToken::decode(token).claims.unwrap_or_default();
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let (jti, owner) = (text("jti").map(str::to_owned), text("sub").and_then(|sub| sub.parse().ok()));
        let by = Actor::Caller((*context.operator()).clone());
        let minted = AuditEvent {
            by: by.clone(),
            action: "mint",
            resource: "token",
            record: jti.clone(),
            owner,
            outcome: Outcome::Done,
        };
        let entry = self.store.entry(&minted, None).map_err(Failure::from)?;
        self.store.append_entries(vec![entry]).await?;
        if let (Some(TokenDefect::Revoked), Some(jti)) = (defect, jti) {
            let subject = text("sub").unwrap_or_default();
            let of_client = || TokenOwner::Client(subject.to_owned());
            let expires_at = claims.get("exp").and_then(numeric_date);
            let expires_at = expires_at.unwrap_or_else(|| context.clock_and_random.clock.now());
            let owner = owner.map_or_else(of_client, TokenOwner::User);
            let unsent = OneTimeJwts::default();
            self.store.revoke_token(jti, owner, expires_at, by, unsent).await?;
        }
        Ok(())
    }
}

impl From<TestTokenError> for Failure {
    fn from(error: TestTokenError) -> Self {
        Self::new(error.to_string())
    }
}
