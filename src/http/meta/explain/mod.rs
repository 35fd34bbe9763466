//! `/authz/explain`: why a request was refused, or what one would be answered.

pub mod foresee;

use std::sync::Arc;

use actix_web::http::Method;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::authz::action::Explain;
use crate::authz::{Explanation, Reach, Rule, Vocabulary, actor_of};
use crate::domain::Invalid;
use crate::http::kit::answer::Json;
use crate::http::kit::body::Body;
use crate::http::kit::description::BodyType;
use crate::http::kit::members::Members;
use crate::http::kit::problem::{Code, Problem};
use crate::http::kit::route::Route;
use crate::http::kit::services::Services;
use crate::store::Entry;
use foresee::{Asked, Who};

/// The longest path that is asked about.
const LONGEST_PATH: usize = 2_048;

/// What is asked: a decision that was made, or a request that is only imagined.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the body's documentation")]
pub struct ExplainRequest {
    /// The decision, as its answer named it; then nothing else is asked.
    #[schema(format = "uuid")]
    decision_id: Option<String>,
    /// Who calls; nobody when it is left out.
    caller: Option<SupposedCaller>,
    /// The method.
    method: Option<String>,
    /// The path, with the ids in it.
    path: Option<String>,
}

/// Somebody who is supposed to call: by a token, or as a user or a client who is registered.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the body's documentation")]
pub struct SupposedCaller {
    /// An access token.
    token: Option<String>,
    /// A user's id or e-mail address.
    user: Option<String>,
    /// A client's id.
    client: Option<String>,
    /// What the token carries; all that can be granted, when it is left out.
    scope: Option<String>,
}

impl BodyType for ExplainRequest {
    fn example() -> Value {
        json!({ "method": "DELETE", "path": "/users/01890a5d-ac96-774b-bcce-b302099a8057" })
    }
}

/// An explanation, and what it is of.
#[derive(Serialize, ToSchema)]
#[schema(as = Explained)]
pub struct Explained {
    #[serde(flatten)]
    explanation: Explanation,
    /// The method and the path of the route, with its parameters in braces.
    #[schema(required = true, examples("GET /users/{id}"))]
    route: Option<String>,
    /// Of a decision that was made: its id.
    #[schema(required = true)]
    decision_id: Option<Uuid>,
    /// Of a decision that was made: when.
    #[schema(required = true, format = "date-time")]
    at: Option<String>,
    /// Of a decision that was made: the request, as its answer and the log know it.
    #[schema(required = true, examples("019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17"))]
    request_id: Option<String>,
}

/// What the body asks.
enum Question {
    Made(Uuid),
    Imagined(Asked),
}

/// `POST /authz/explain`
pub async fn explain(
    reach: Reach<Explanation, Explain>,
    body: Body<ExplainRequest>,
    services: Arc<Services>,
) -> Result<Json<Explained>, Problem> {
    match body.read(read)? {
        Question::Made(id) => {
            let entry = services.store.decision(&reach, id).await?;
            let entry = entry.ok_or_else(|| {
                Problem::new(Code::NotFound).with_detail(
                    "there is no such decision: it was never made, is older than what the audit trail keeps, was one \
                     of too many at once, or is not written down yet",
                )
            })?;
            Ok(Json(Explained::made(entry, &reach, services.routes.all(), &services.vocabulary)))
        }
        Question::Imagined(asked) => {
            let (explanation, endpoint) = foresee::foresee(&services, reach.by(), &asked).await?;
            let route = Some(endpoint.name());
            Ok(Json(Explained { explanation, route, decision_id: None, at: None, request_id: None }))
        }
    }
}

fn read(members: &mut Members) -> Option<Question> {
    let made = members.text("decision_id", |text| {
        text.parse::<Uuid>().map_err(|_| Invalid::new("not-an-id", "must be the id of a decision"))
    });
    if let Some(id) = made.value() {
        return Some(Question::Made(id));
    }
    let who = match members.object("caller", |caller| Some(who(caller))) {
        None => Some(Who::Nobody),
        Some(who) => who,
    };
    if who.is_none() {
        members.broken("caller", Invalid::new("one-caller", "must be one of `token`, `user` and `client`"));
    }
    let method = members.required_text("method", method);
    let path = members.required_text("path", path);
    Some(Question::Imagined(Asked { who: who?, method: method?, path: path? }))
}

fn who(members: &mut Members) -> Option<Who> {
    let text = |text: &str| Ok(text.to_owned());
    let token = members.text("token", text).value();
    let user = members.text("user", text).value();
    let client = members.text("client", text).value();
    let scope = members.text("scope", text).value();
    match (token, user, client) {
        (Some(token), None, None) => Some(Who::Token(token)),
        (None, Some(user), None) => Some(Who::User { user, scope }),
        (None, None, Some(client)) => Some(Who::Client { client, scope }),
        _ => None,
    }
}

pub(crate) fn method(text: &str) -> Result<Method, Invalid> {
    Method::from_bytes(text.as_bytes()).map_err(|_| Invalid::new("not-a-method", "must be an HTTP method"))
}

pub(crate) fn path(text: &str) -> Result<String, Invalid> {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    if path.starts_with('/') && path.len() <= LONGEST_PATH {
        Ok(path.to_owned())
    } else {
        Err(Invalid::new("not-a-path", "must be a path that begins with /"))
    }
}

impl Explained {
    /// A decision that was made. Of whose record it was, and who came with which scope, those are told
    /// who may read the trail.
    pub(crate) fn made(
        entry: Entry,
        reach: &Reach<Explanation, Explain>,
        routes: &[impl AsRef<Route>],
        vocabulary: &Vocabulary,
    ) -> Self {
        let inputs = entry.inputs();
        let scope = inputs.scope.unwrap_or_default();
        let endpoint = route_of(routes, &entry.resource, &entry.action);
        let rule = endpoint.and_then(|endpoint| endpoint.access.rule());
        let reason = entry.reason.as_deref().unwrap_or_default();
        let mut explanation = Explanation::remembered(rule, reason, &scope, vocabulary);
        if reach.may_read_the_trail() {
            explanation.caller = entry.actor;
            explanation.scope = scope.split_whitespace().map(str::to_owned).collect();
            explanation.roles = inputs.roles;
            explanation.record = entry.record;
            explanation.owner = entry.owner_id.map(actor_of);
        }
        Self {
            explanation,
            route: inputs.route,
            decision_id: Some(entry.id.0),
            at: Some(entry.at.to_string()),
            request_id: entry.request_id,
        }
    }

    /// What it says.
    pub(crate) fn explanation(&self) -> &Explanation {
        &self.explanation
    }

    /// The route.
    pub(crate) fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }
}

/// The route that does an action to a kind of record, by their names in the policy.
pub(crate) fn route_of<'a>(
    routes: &'a [impl AsRef<Route>],
    resource: &str,
    action: &str,
) -> Option<&'a Route> {
    let named = |rule: &Rule| rule.resource == resource && rule.action == action;
    routes.iter().map(AsRef::as_ref).find(|route| route.access.rule().is_some_and(named))
}
