//! Evaluator: looks up the subject, finds the route of the action, and makes the decision.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::authzen_evaluation::Evaluation;
use super::authzen_request::Parts;
use super::explain::dry_run::{NamedCaller, ResolvedCaller, explain_route, find_route, resolve_caller};
use super::explain::{method, path, route_of};
use crate::authz::action::Evaluate;
use crate::authz::{Explanation, HypotheticalCaller, Reach, StepUp};
use crate::domain::UserId;
use crate::http::kit::{Answer, Call, Captured, Code, Description, Json, Problem, Route, Services};

/// `resource.type` of a route.
const ROUTE: &str = "route";

/// Reason for a subject or a route that does not exist, or that the requesting caller may not know.
const UNKNOWN_OR_HIDDEN: &str = "unknown-subject-or-resource";

/// Evaluates the requests of one caller. It keeps the last subject, because most of several requests have the
/// same one.
pub(crate) struct Evaluator<'a> {
    services: &'a Services,
    reach: Reach<Explanation, Evaluate>,
    last: Option<(NamedCaller, ResolvedCaller)>,
    /// Users whom the decisions so far are about.
    subjects: BTreeSet<UserId>,
}

impl<'a> Evaluator<'a> {
    /// Makes the evaluator for a caller who may ask about the subjects.
    pub(crate) fn new(services: &'a Services, reach: Reach<Explanation, Evaluate>) -> Self {
        Self { services, reach, last: None, subjects: BTreeSet::new() }
    }

    /// Returns the decision on one request. A caller who asks about itself learns what its own request would tell.
    pub(crate) async fn evaluate(&mut self, request: &Parts) -> Result<Evaluation, Problem> {
        let evaluation = self.evaluation(request).await?;
        Ok(if self.reach.includes_everyone() { evaluation } else { evaluation.without_reasons() })
    }

    async fn evaluation(&mut self, request: &Parts) -> Result<Evaluation, Problem> {
        let Parts { subject, action, resource } = request;
        let Some(subject) = subject_of(subject.as_ref()) else {
            return Ok(Evaluation::denied("unknown-subject"));
        };
        let (action, kind, id) =
            (text(action.as_ref(), "name"), text(resource.as_ref(), "type"), text(resource.as_ref(), "id"));
        let services = self.services;
        let (endpoint, segments) = match target(services, action, kind, id) {
            Ok(target) => target,
            Err(reason) => return Ok(Evaluation::denied(reason)),
        };
        if !self.reach.includes_everyone() {
            let own = ResolvedCaller::Authenticated(self.own(subject));
            return Ok(explain_route(services, None, &own, endpoint, &segments).await?.into());
        }
        self.resolve(subject).await?;
        let Some((_, subject)) = &self.last else { return Ok(Evaluation::denied(UNKNOWN_OR_HIDDEN)) };
        Ok(explain_route(services, Some(self.reach.by()), subject, endpoint, &segments).await?.into())
    }

    /// Returns an answer that tells the audit trail whom the decisions are about.
    pub(crate) fn answer<T>(self, evaluations: T) -> Evaluated<T> {
        Evaluated { evaluations, subjects: self.subjects.into_iter().collect() }
    }

    /// Returns the requesting caller, with the scope and the freshness that the request supposes.
    fn own(&self, subject: NamedCaller) -> HypotheticalCaller {
        let own = HypotheticalCaller::from(self.reach.by());
        let NamedCaller::User { scope, stale, .. } = subject else { return own };
        let own = match scope {
            Some(scope) => own.restricted_to(&self.services.vocabulary.scopes_in(&scope)),
            None => own,
        };
        if stale && self.services.step_up != StepUp::OFF { own.stale() } else { own }
    }

    /// Looks up the subject. There is none afterwards when it is unknown, or the requesting caller may not know it.
    async fn resolve(&mut self, subject: NamedCaller) -> Result<(), Problem> {
        if self.last.as_ref().is_some_and(|(last, _)| *last == subject) {
            return Ok(());
        }
        self.last = None;
        let resolved = match resolve_caller(self.services, self.reach.by(), &subject).await {
            Ok(resolved) => resolved,
            Err(problem) if problem.code() == Code::InvalidBody => return Ok(()),
            Err(problem) => return Err(problem),
        };
        if let ResolvedCaller::Authenticated(caller) = &resolved {
            self.subjects.extend(caller.user_id());
        }
        self.last = Some((subject, resolved));
        Ok(())
    }
}

/// Evaluations, and the users whom they are about: each finds the look in their own trail.
pub struct Evaluated<T> {
    evaluations: T,
    subjects: Vec<UserId>,
}

impl<T: Serialize + ToSchema> Answer for Evaluated<T> {
    fn respond(self, call: &Call) -> HttpResponse {
        call.evaluates(self.subjects);
        Json(self.evaluations).respond(call)
    }

    fn describe(description: &mut Description) {
        <Json<T> as Answer>::describe(description);
    }
}

/// Returns the route of the action, and the segments of its path: those of a path, or the parts of a record's
/// id.
fn target<'a>(
    services: &'a Services,
    action: &str,
    kind: &str,
    id: &str,
) -> Result<(&'a Route, Captured), &'static str> {
    const UNKNOWN: &str = "unknown-resource";
    if kind == ROUTE {
        let (method, path) = (method(action).map_err(|_| UNKNOWN)?, path(id).map_err(|_| UNKNOWN)?);
        return find_route(services, &method, &path).map_err(|_| UNKNOWN_OR_HIDDEN);
    }
    let endpoint = route_of(services.routes.all(), kind, action).ok_or(UNKNOWN)?;
    // The id of a part of a record has both ids, separated by a slash.
    let segments = endpoint.segment_names().zip(id.split('/'));
    Ok((endpoint, segments.map(|(name, value)| (name, value.to_owned())).collect()))
}

pub(super) fn subject_of(subject: Option<&Map<String, Value>>) -> Option<NamedCaller> {
    let id = text(subject, "id").to_owned();
    let property = |name| subject.and_then(|subject| subject.get("properties")?.get(name));
    let scope = property("scope").and_then(Value::as_str).map(str::to_owned);
    let stale = property("stale").and_then(Value::as_bool).unwrap_or_default();
    match text(subject, "type") {
        "user" => Some(NamedCaller::User { user: id, scope, stale }),
        "client" => Some(NamedCaller::Client { client: id, scope }),
        _ => None,
    }
}

fn text<'a>(part: Option<&'a Map<String, Value>>, name: &str) -> &'a str {
    part.and_then(|part| part.get(name)).and_then(Value::as_str).unwrap_or_default()
}
