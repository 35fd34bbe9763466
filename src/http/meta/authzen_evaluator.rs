//! Where evaluations are made: who is asked about, what route does the action, and the decision.

use serde_json::{Map, Value};

use super::authzen::Evaluation;
use super::authzen_request::Parts;
use super::explain::dry_run::{Known, Who, know, of_route, route};
use super::explain::{method, path, route_of};
use crate::authz::Caller;
use crate::http::kit::problem::{Code, Problem};
use crate::http::kit::route::Route;
use crate::http::kit::route_table::Captured;
use crate::http::kit::services::Services;

/// `resource.type` of a route.
const ROUTE: &str = "route";

/// A subject or a route of which nothing is known to whoever asks may do nothing.
const NOT_TO_BE_KNOWN: &str = "unknown-subject-or-resource";

/// Whoever asks, and whom they asked about last: of many evaluations most are about the same subject,
/// who is looked up once.
pub(crate) struct Desk<'a> {
    services: &'a Services,
    asker: &'a Caller,
    last: Option<(Who, Known)>,
}

impl<'a> Desk<'a> {
    pub(crate) fn of(services: &'a Services, asker: &'a Caller) -> Self {
        Self { services, asker, last: None }
    }

    /// The decision on one request.
    pub(crate) async fn evaluate(&mut self, request: &Parts) -> Result<Evaluation, Problem> {
        let Parts { subject, action, resource } = request;
        let Some(who) = subject_of(subject.as_ref()) else {
            return Ok(Evaluation::unknown("unknown-subject"));
        };
        let (action, kind, id) =
            (text(action.as_ref(), "name"), text(resource.as_ref(), "type"), text(resource.as_ref(), "id"));
        let services = self.services;
        let (endpoint, segments) = match target(services, action, kind, id) {
            Ok(target) => target,
            Err(reason) => return Ok(Evaluation::unknown(reason)),
        };
        let asker = self.asker;
        let Some(known) = self.know(who).await? else { return Ok(Evaluation::unknown(NOT_TO_BE_KNOWN)) };
        Ok(of_route(services, asker, known, endpoint, &segments).await?.into())
    }

    /// Who is asked about; nobody where whoever asks may not know.
    async fn know(&mut self, who: Who) -> Result<Option<&Known>, Problem> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != who) {
            let known = match know(self.services, self.asker, &who).await {
                Ok(known) => known,
                Err(problem) if problem.code() == Code::InvalidBody => return Ok(None),
                Err(problem) => return Err(problem),
            };
            self.last = Some((who, known));
        }
        Ok(self.last.as_ref().map(|(_, known)| known))
    }
}

/// The route that does the action, and the segments of its path: a path says them itself, an id in
/// their order.
fn target<'a>(
    services: &'a Services,
    action: &str,
    kind: &str,
    id: &str,
) -> Result<(&'a Route, Captured), &'static str> {
    const UNKNOWN: &str = "unknown-resource";
    if kind == ROUTE {
        let (method, path) = (method(action).map_err(|_| UNKNOWN)?, path(id).map_err(|_| UNKNOWN)?);
        return route(services, &method, &path).map_err(|_| NOT_TO_BE_KNOWN);
    }
    let endpoint = route_of(services.routes.all(), kind, action).ok_or(UNKNOWN)?;
    // The id of what is part of something has both in it, with a stroke between.
    let segments = endpoint.segment_names().zip(id.split('/'));
    Ok((endpoint, segments.map(|(name, value)| (name, value.to_owned())).collect()))
}

fn subject_of(subject: Option<&Map<String, Value>>) -> Option<Who> {
    let id = text(subject, "id").to_owned();
    let scope =
        subject.and_then(|subject| subject.get("properties")).and_then(|all| all.get("scope")?.as_str());
    let scope = scope.map(str::to_owned);
    match text(subject, "type") {
        "user" => Some(Who::User { user: id, scope }),
        "client" => Some(Who::Client { client: id, scope }),
        _ => None,
    }
}

fn text<'a>(part: Option<&'a Map<String, Value>>, name: &str) -> &'a str {
    part.and_then(|part| part.get(name)).and_then(Value::as_str).unwrap_or_default()
}
