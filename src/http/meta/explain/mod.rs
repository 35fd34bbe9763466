//! `/authz/explain`: explains a decision of the past, or the decision on a hypothetical request.

pub mod dry_run;

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::authz::action::Explain;
use crate::authz::{Explanation, Reach, Rule, Vocabulary, actor_of, user_of};
use crate::domain::Invalid;
use crate::http::kit::{Answer, Body, Call, Code, Description, Json, Members, Problem, Route, Services};
use crate::store::Entry;
use dry_run::{HypotheticalRequest, NamedCaller};

/// Longest path in a request, in bytes.
const LONGEST_PATH: usize = 2_048;

crate::body! {
    /// A decision of the past, or a hypothetical request.
    pub struct ExplainRequest {
        /// The `decision_id` of a response. No other member is allowed with it.
        #[schema(format = "uuid")]
        decision_id: Option<String> as Option<Uuid> = text(decision_id);
        /// The hypothetical caller. Default: a request without a token.
        caller: Option<SupposedCaller> = object(supposed_caller);
        /// The method.
        method: Option<String> as Option<Method> = text(method);
        /// The path, with the ids in it.
        path: Option<String> = text(path);
    }
    example { "method": "DELETE", "path": "/users/01890a5d-ac96-774b-bcce-b302099a8057" }
}

crate::body! {
    /// A hypothetical caller: an access token, a user or a client.
    pub struct SupposedCaller {
        /// An access token.
        token: Option<String> = text(any_text);
        /// A user's id or e-mail address.
        user: Option<String> = text(any_text);
        /// A client's id.
        client: Option<String> = text(any_text);
        /// The scope of the token, with `user` or `client`. Default: all scopes that can be granted.
        scope: Option<String> = text(any_text);
        /// True for a user who authenticated too long ago for rules that require a recent authentication.
        stale: Option<bool> = boolean();
    }
    example { "user": "ada@example.com" }
}

/// An explanation of a decision.
#[derive(Serialize, ToSchema)]
#[schema(as = Explained)]
pub struct Explained {
    #[serde(flatten)]
    explanation: Explanation,
    /// The method and the path of the route, with its parameters in braces.
    #[schema(required = true, examples("GET /users/{id}"))]
    route: Option<String>,
    /// The id of a past decision.
    #[schema(required = true)]
    decision_id: Option<Uuid>,
    /// The time of a past decision.
    #[schema(required = true, format = "date-time")]
    at: Option<String>,
    /// The request id of a past decision, as in the response and in the log.
    #[schema(required = true, examples("019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17"))]
    request_id: Option<String>,
}

/// Parsed body.
enum Question {
    Past(Uuid),
    Hypothetical(HypotheticalRequest),
}

/// `POST /authz/explain`
pub async fn explain(
    reach: Reach<Explanation, Explain>,
    body: Body<ExplainRequest>,
    services: Arc<Services>,
) -> Result<ExplainAnswer, Problem> {
    let (explained, asked) = match body.read(read)? {
        Question::Past(id) => {
            let entry = services.store.decision(&reach, id).await?;
            let entry = entry.ok_or_else(|| {
                Problem::new(Code::NotFound).with_detail(
                    "the decision is not in the audit trail: it was never made, it is too old, or it was only \
                     counted because its caller had too many",
                )
            })?;
            let past = Explained::past(entry, &reach, services.routes.all(), &services.vocabulary);
            (past, format!("decision {id}"))
        }
        Question::Hypothetical(request) => {
            let (explanation, endpoint) = dry_run::explain(&services, reach.by(), &request).await?;
            let route = Some(endpoint.name());
            let asked = format!("{} {}", request.method, request.path);
            (Explained { explanation, route, decision_id: None, at: None, request_id: None }, asked)
        }
    };
    Ok(ExplainAnswer { explained, asked })
}

/// The explanation, and what it explains. The caller that it is about finds the look in its own trail.
pub struct ExplainAnswer {
    explained: Explained,
    /// The request or the decision, for the audit trail.
    asked: String,
}

impl Answer for ExplainAnswer {
    fn respond(self, call: &Call) -> HttpResponse {
        let about = self.explained.explanation.caller.as_deref();
        call.explains(&self.asked, about.and_then(user_of));
        Json(self.explained).respond(call)
    }

    fn describe(description: &mut Description) {
        <Json<Explained> as Answer>::describe(description);
    }
}

fn read(members: &mut Members) -> Option<Question> {
    let request = ExplainRequest::read(members)?;
    if let Some(id) = request.decision_id {
        let others = [("caller", request.caller.is_some()), ("method", request.method.is_some())];
        for (name, _) in
            others.into_iter().chain([("path", request.path.is_some())]).filter(|(_, given)| *given)
        {
            members.broken(name, Invalid::new("unknown", "is not allowed with `decision_id`"));
        }
        return Some(Question::Past(id));
    }
    let who = match request.caller.map(who) {
        None => Some(NamedCaller::Anonymous),
        Some(who) => who,
    };
    if who.is_none() {
        members.broken(
            "caller",
            Invalid::new("one-caller", "must have exactly one of `token`, `user` and `client`"),
        );
    }
    if request.method.is_none() && !members.is_broken("method") {
        members.required("method");
    }
    if request.path.is_none() && !members.is_broken("path") {
        members.required("path");
    }
    Some(Question::Hypothetical(HypotheticalRequest {
        caller: who?,
        method: request.method?,
        path: request.path?,
    }))
}

/// Reads a hypothetical caller. A token has its own scope and its own time of authentication, and a client never
/// authenticates a user.
fn supposed_caller(members: &mut Members) -> Option<SupposedCaller> {
    let caller = SupposedCaller::read(members)?;
    if caller.token.is_some() && caller.scope.is_some() {
        members.broken("scope", Invalid::new("unknown", "is not allowed with `token`"));
    }
    if caller.user.is_none() && caller.stale.is_some() {
        members.broken("stale", Invalid::new("unknown", "is allowed with `user` alone"));
    }
    Some(caller)
}

fn who(caller: SupposedCaller) -> Option<NamedCaller> {
    let SupposedCaller { token, user, client, scope, stale } = caller;
    match (token, user, client) {
        (Some(token), None, None) => Some(NamedCaller::Token(token)),
        (None, Some(user), None) => Some(NamedCaller::User { user, scope, stale: stale.unwrap_or_default() }),
        (None, None, Some(client)) => Some(NamedCaller::Client { client, scope }),
        _ => None,
    }
}

fn any_text(text: &str) -> Result<String, Invalid> {
    Ok(text.to_owned())
}

fn decision_id(text: &str) -> Result<Uuid, Invalid> {
    text.parse().map_err(|_| Invalid::new("not-an-id", "must be the id of a decision"))
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
    /// Explains a past decision. Only callers that may read the audit trail see the record, its owner, the
    /// caller and the scope.
    pub(crate) fn past(
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
        let mut explanation = Explanation::remembered(rule, reason, &scope, &inputs.roles, vocabulary);
        if reach.may_read_audit_trail() {
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
}

/// Returns the route of an action on a kind of record, by their names in the policy.
pub(crate) fn route_of<'a>(
    routes: &'a [impl AsRef<Route>],
    resource: &str,
    action: &str,
) -> Option<&'a Route> {
    let named = |rule: &Rule| rule.resource == resource && rule.action == action;
    routes.iter().map(AsRef::as_ref).find(|route| route.access.rule().is_some_and(named))
}
