//! `POST /test/token`: a token for every situation, made with the key of the test server.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::TestServer;
use super::server::test_server;
use crate::authz::action::Read;
use crate::authz::{ScopeSet, Vocabulary};
use crate::domain::{ClientId, Email, Invalid, Status, User, UserId, format_time};
use crate::http::kit::authentication::ConfirmError;
use crate::http::{Body, BodyType, Code, Given, Json, Members, Problem, Public, Services};
use crate::store::{OneTimeJwts, TokenOwner};
use crate::token::{
    DecodedToken, InvalidToken, IssueRequest, IssueTo, TestTokens, TokenDefect, long_ago, numeric_date,
};

/// Longest lifetime of a token, in seconds.
const LONGEST: u64 = 86_400;

/// A token to make.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the body's documentation")]
pub struct NewTestToken {
    /// The user: an id, an e-mail address, or the name of a test account such as `alice`. Or the id of a client that acts
    /// for itself.
    #[schema(rename = "as")]
    user: Option<String>,
    /// A client that acts for itself; with `as`, the client of the user's token.
    client: Option<String>,
    /// The one reason for which the token is refused, such as `expired`: a situation of `cloakroom token mint`.
    /// Default: a valid token.
    situation: Option<String>,
    /// The scopes, separated by spaces. Default: all that can be granted.
    scope: Option<String>,
    /// The lifetime, such as `1h`.
    ttl: Option<String>,
    /// Claims to set; null removes one.
    #[schema(value_type = Option<Object>)]
    claims: Option<Value>,
    /// Members of the header to set; null removes one.
    #[schema(value_type = Option<Object>)]
    header: Option<Value>,
}

impl BodyType for NewTestToken {
    fn example() -> Value {
        json!({ "as": "alice", "situation": "expired", "scope": "users:read" })
    }
}

/// A test token.
#[derive(Serialize, ToSchema)]
#[schema(as = TestToken)]
pub struct TestTokenView {
    /// The token.
    token: String,
    /// Its header.
    #[schema(value_type = Object)]
    header: Option<Map<String, Value>>,
    /// Its claims.
    #[schema(value_type = Object)]
    claims: Option<Map<String, Value>>,
    /// The situation.
    situation: &'static str,
    /// Why this server refuses it; null for a token that it accepts.
    #[schema(required = true)]
    refused: Option<RefusalView>,
    /// The reason alone, as in `refused`.
    #[schema(required = true)]
    fails_because: Option<&'static str>,
}

/// Reason for which a token is refused.
#[derive(Serialize, ToSchema)]
#[schema(as = TestTokenRefusal)]
pub struct RefusalView {
    /// The status of the answer.
    status: u16,
    /// The reason, as the log has it.
    reason: &'static str,
    /// The reason in words.
    because: &'static str,
}

/// Situation of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Situation {
    /// The token is good.
    Valid,
    /// The token has this defect.
    Defect(TokenDefect),
    /// The user authenticated long ago. Rules with `fresh` refuse the token, and only they.
    Stale,
}

impl Situation {
    const VALID: &str = "valid";
    const STALE: &str = "stale";
    /// Another name of `wrong-typ`, which is the name of an option on the command line.
    const TYP: &str = "typ";

    fn parse(name: &str) -> Result<Self, Invalid> {
        match name {
            Self::VALID => return Ok(Self::Valid),
            Self::STALE => return Ok(Self::Stale),
            Self::TYP => return Ok(Self::Defect(TokenDefect::WrongTyp)),
            _ => {}
        }
        let all = || TokenDefect::ALL.iter().copied();
        let others = [Self::VALID, Self::STALE, Self::TYP];
        let known = || all().map(TokenDefect::name).chain(others).collect::<Vec<_>>().join(", ");
        let defect = all().find(|defect| defect.name() == name).map(Self::Defect);
        defect.ok_or_else(|| Invalid::new("unknown", format!("must be one of {}", known())))
    }

    fn defect(self) -> Option<TokenDefect> {
        match self {
            Self::Defect(defect) => Some(defect),
            Self::Valid | Self::Stale => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Valid => Self::VALID,
            Self::Stale => Self::STALE,
            Self::Defect(defect) => defect.name(),
        }
    }
}

/// Members of the body.
struct Order {
    user: Option<String>,
    client: Option<String>,
    situation: Option<Situation>,
    scope: Option<ScopeSet>,
    ttl: Option<Duration>,
    claims: Map<String, Value>,
    header: Map<String, Value>,
}

fn read(members: &mut Members, vocabulary: &Vocabulary) -> Option<Order> {
    let text = |text: &str| Ok(text.to_owned());
    let (user, client) = (members.text("as", text).value(), members.text("client", text).value());
    if user.is_none() && client.is_none() {
        members.required("as");
    }
    let mut object = |name| match members.json(name, |value| match value {
        Value::Object(object) => Ok(object.clone()),
        _ => Err(Invalid::new("wrong-type", "must be an object")),
    }) {
        Given::Value(object) => object,
        Given::Null | Given::Absent => Map::new(),
    };
    let (claims, header) = (object("claims"), object("header"));
    Some(Order {
        user,
        client,
        situation: members.text("situation", Situation::parse).value(),
        scope: members.text("scope", |list| vocabulary.known_scopes(list)).value(),
        ttl: members.text("ttl", lifetime).value(),
        claims,
        header,
    })
}

fn lifetime(text: &str) -> Result<Duration, Invalid> {
    let duration = humantime::parse_duration(text).ok();
    let duration = duration.filter(|ttl| (1..=LONGEST).contains(&ttl.as_secs()));
    duration.ok_or_else(|| Invalid::new("not-a-time", "must be a time from 1s to 1d"))
}

/// Subject of a token, with the scopes that can be granted. None for a client that is not registered: every scope.
struct Subject {
    issue_to: IssueTo,
    client_id: String,
    most: Option<ScopeSet>,
}

async fn user(services: &Services, test: &TestServer, order: &Order, name: &str) -> Result<Subject, Problem> {
    let missing = || Problem::new(Code::NotFound).with_detail(format!("there is no user {name}"));
    let id = match name.parse::<UserId>() {
        Ok(id) => id,
        Err(_) => {
            let address = if name.contains('@') { name.to_owned() } else { format!("{name}@example.com") };
            let email = Email::parse(&address).map_err(|_| missing())?;
            services.trusted.user_id_by_email(&email).await?.ok_or_else(missing)?
        }
    };
    let reach = test.operator.reach::<User, Read>()?;
    let found = services.store.find::<User>(id, reach.lookup_filter()).await?;
    let user = test.operator.open::<User, Read>(found).map_err(|_| missing())?.into_record();
    if user.status == Status::Suspended && order.situation.and_then(Situation::defect).is_none() {
        let why = format!(
            "{name} is suspended, so no token of this user is valid; make it before the suspension, or with the situation \
             `revoked`"
        );
        return Err(Problem::new(Code::Conflict).with_detail(why));
    }
    let most = Some(services.vocabulary.granted_by(&user.roles));
    let now = services.clock.now();
    let auth_time = if order.situation == Some(Situation::Stale) { long_ago(now) } else { now };
    let (roles, epoch) = (user.roles, user.epoch);
    let issue_to = IssueTo::User { id, roles, epoch, client_epoch: None, auth_time };
    let client_id = order.client.clone().unwrap_or_else(|| ClientId::FIRST_PARTY.to_owned());
    Ok(Subject { issue_to, client_id, most })
}

/// True for the id of a client. The ids of users are UUIDs of version 7, and no client has one.
async fn is_client(services: &Services, name: &str) -> Result<bool, Problem> {
    match name.parse::<ClientId>() {
        Ok(id) => Ok(services.trusted.client_by_id(id).await?.is_some()),
        Err(_) => Ok(false),
    }
}

async fn client(services: &Services, id: &str) -> Result<Subject, Problem> {
    let known = match id.parse::<ClientId>() {
        Ok(id) => services.trusted.client_by_id(id).await?,
        Err(_) => None,
    };
    let epoch = known.as_ref().map_or(1, |known| known.epoch);
    let most = known.map(|known| services.vocabulary.scopes_in(&known.client.scope.join(" ")));
    Ok(Subject { issue_to: IssueTo::Client { id: id.to_owned(), epoch }, client_id: id.to_owned(), most })
}

/// `POST /test/token`
pub(super) async fn token(
    _: Public,
    body: Body<NewTestToken>,
    vocabulary: Arc<Vocabulary>,
    services: Arc<Services>,
) -> Result<Json<TestTokenView>, Problem> {
    let test = test_server(&services)?;
    let order = body.read(|members| read(members, &vocabulary))?;
    let subject = match (&order.user, &order.client) {
        (Some(name), None) if is_client(&services, name).await? => client(&services, name).await?,
        (Some(name), _) => user(&services, &test, &order, name).await?,
        (None, Some(id)) => client(&services, id).await?,
        (None, None) => return Err(Problem::new(Code::InvalidBody)),
    };
    let token = made(&services, subject, &order)?;
    let defect = order.situation.and_then(Situation::defect);
    if defect == Some(TokenDefect::Revoked) {
        revoke(&services, &token).await?;
    }
    let refused = refusal(&services, &token).await?;
    let is_changed = !order.claims.is_empty() || !order.header.is_empty();
    let expected = defect.map(TokenDefect::refusal);
    if refused != expected && (defect.is_some() || !is_changed) {
        let told = |reason: Option<InvalidToken>| reason.map_or("accepted", InvalidToken::as_str);
        let (says, wanted) = (told(refused), told(expected));
        let why =
            format!("the token would not be in the situation: the server says {says} instead of {wanted}");
        return Err(Problem::new(Code::Conflict).with_detail(why));
    }
    let DecodedToken { header, claims } = DecodedToken::decode(&token);
    let situation = order.situation.map_or(Situation::VALID, Situation::name);
    let fails_because = refused.map(InvalidToken::as_str);
    Ok(Json(TestTokenView { token, header, claims, situation, refused: refused.map(view), fails_because }))
}

fn view(why: InvalidToken) -> RefusalView {
    RefusalView { status: 401, reason: why.as_str(), because: why.reason() }
}

crate::body! {
    /// A token to inspect.
    pub struct InspectedToken {
        /// The token.
        #[schema(write_only)]
        token: String = required_text(any_text);
    }
    example { "token": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl" }
}

fn any_text(text: &str) -> Result<String, Invalid> {
    Ok(text.to_owned())
}

/// Verdict of the server's verifier on a token.
#[derive(Serialize, ToSchema)]
#[schema(as = TestTokenVerdict)]
pub struct VerdictView {
    /// Why this server refuses it; null for a token that it accepts.
    #[schema(required = true)]
    refused: Option<RefusalView>,
    /// The time of the server.
    #[schema(format = "date-time")]
    now: String,
}

/// `POST /test/token/inspect`
pub(super) async fn inspect(
    _: Public,
    body: Body<InspectedToken>,
    services: Arc<Services>,
) -> Result<Json<VerdictView>, Problem> {
    let InspectedToken { token } = body.read(InspectedToken::read)?;
    let refused = refusal(&services, &token).await?.map(view);
    Ok(Json(VerdictView { refused, now: format_time(services.clock.now()) }))
}

fn made(services: &Services, subject: Subject, order: &Order) -> Result<String, Problem> {
    let Subject { issue_to, client_id, most } = subject;
    let asked = order.scope.clone();
    let scope = match (asked, most) {
        (Some(asked), Some(most)) => {
            let more = asked.difference(&most);
            if !more.is_empty() {
                let why = format!("{more} cannot be granted here; a valid token never has it");
                return Err(Problem::broken_rule("/scope", Invalid::new("invalid-scope", why)));
            }
            asked
        }
        (Some(asked), None) => asked,
        (None, most) => most.unwrap_or_default(),
    };
    let request = IssueRequest {
        subject: issue_to,
        client_id,
        scope: &scope,
        session: None,
        audience: None,
        bound_to: None,
    };
    let not_made =
        |error: &dyn std::fmt::Display| Problem::new(Code::Conflict).with_detail(error.to_string());
    let mut draft = services.issuer.draft(request).map_err(|error| not_made(&error))?;
    if let (Some(ttl), Some(issued)) = (order.ttl, draft.claims.get("iat").and_then(Value::as_u64)) {
        draft.claims.insert("exp".to_owned(), (issued + ttl.as_secs()).into());
    }
    draft.set(&order.claims, &order.header);
    let (keys, jwks) = (services.keys.as_deref(), services.verifier.jwks());
    let tokens = TestTokens { keys, jwks: Some(&jwks), now: services.clock.now() };
    let token = match order.situation.and_then(Situation::defect) {
        Some(defect) => tokens.defective(defect, draft),
        None => tokens.valid(draft),
    };
    token.map_err(|error| not_made(&error))
}

/// Revokes a token (RFC 7009).
async fn revoke(services: &Services, token: &str) -> Result<(), Problem> {
    let claims = DecodedToken::decode(token).claims.unwrap_or_default();
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let (Some(jti), Some(subject)) = (text("jti"), text("sub")) else { return Ok(()) };
    let expires_at = claims.get("exp").and_then(numeric_date).unwrap_or_else(|| services.clock.now());
    let owner = subject.parse().map_or_else(|_| TokenOwner::Client(subject), TokenOwner::User);
    let by = crate::authz::Actor::Server;
    services.trusted.revoke_token(jti, owner, expires_at, by, OneTimeJwts::default()).await?;
    Ok(())
}

/// Returns the reason for which this server refuses a token.
async fn refusal(services: &Services, token: &str) -> Result<Option<InvalidToken>, Problem> {
    match services.verifier.verify(token) {
        Ok(verification) => match services.confirm(verification).await {
            Ok(_) => Ok(None),
            Err(ConfirmError::Token(reason)) => Ok(Some(reason)),
            Err(ConfirmError::Store(error)) => Err(error.into()),
        },
        Err(reason) => Ok(Some(reason)),
    }
}
