//! What a request would be answered: the decision of its route, made for somebody who is only supposed
//! to call. Whoever asks is told of no user, client or record that they may not read.

use std::sync::Arc;

use actix_web::http::Method;

use crate::authz::action::Read;
use crate::authz::{Caller, Explanation, HypotheticalCaller, ScopeSet, Subject};
use crate::domain::{Client, ClientId, Email, Invalid, Status, User, UserId};
use crate::http::kit::dry_run::DryRun;
use crate::http::kit::path_id::PathSegments;
use crate::http::kit::problem::Problem;
use crate::http::kit::route::Route;
use crate::http::kit::route_table::Captured;
use crate::http::kit::services::Services;
use crate::store::StoreError;
use crate::token::{InvalidToken, Verification};

/// A request that is only imagined.
pub struct SupposedRequest {
    pub(crate) who: Who,
    pub(crate) method: Method,
    pub(crate) path: String,
}

/// Who is supposed to call.
#[derive(PartialEq, Eq)]
pub enum Who {
    Nobody,
    /// Whoever has this access token.
    Token(String),
    /// A user, by id or e-mail address, with this scope, as far as their roles grant it.
    User {
        user: String,
        scope: Option<String>,
    },
    /// A client acting for itself, with this scope, as far as it is registered for it.
    Client {
        client: String,
        scope: Option<String>,
    },
}

/// Who it is, once looked up.
pub(crate) enum Known {
    Nobody,
    Somebody(HypotheticalCaller),
    /// Somebody whose token is not acceptable, for this reason.
    Refused(String),
}

/// The decision of the route that the request would come to, and that route.
///
/// # Errors
/// 422 where there is no such route, or whoever asks may not know who is supposed to call.
pub(crate) async fn explain<'a>(
    services: &'a Services,
    asker: &Caller,
    request: &SupposedRequest,
) -> Result<(Explanation, &'a Route), Problem> {
    let (endpoint, segments) = route(services, &request.method, &request.path)?;
    let known = know(services, asker, &request.who).await?;
    Ok((of_route(services, asker, &known, endpoint, &segments).await?, endpoint))
}

/// The decision of a route about what these segments of its path name.
pub(crate) async fn of_route(
    services: &Services,
    asker: &Caller,
    known: &Known,
    route: &Route,
    segments: &Captured,
) -> Result<Explanation, StoreError> {
    let who = match known {
        Known::Nobody => None,
        Known::Somebody(who) => Some(who),
        // What takes no access token does not look at it.
        Known::Refused(_) if !route.access.looks_at_tokens() => None,
        Known::Refused(reason) => return Ok(Explanation::not_acceptable(route.access.rule(), reason)),
    };
    let (path, registration_open) = (PathSegments::of(segments), services.registration_open);
    route.dry_run(&DryRun { store: &services.store, who, path, asker, registration_open }).await
}

/// The route of a path, and what stands in it where the route has braces.
pub(crate) fn route<'a>(
    services: &'a Services,
    method: &Method,
    path: &str,
) -> Result<(&'a Route, Captured), Problem> {
    let Some((routes, captured)) = services.routes.find(path) else {
        return Err(Problem::broken_rule("/path", Invalid::new("unknown-path", "no route has this path")));
    };
    let found = routes.into_iter().find(|(_, route)| route.answers(method));
    let (_, route) = found.ok_or_else(|| {
        Problem::broken_rule("/method", Invalid::new("unknown-method", "the path does not take this method"))
    })?;
    Ok((route, captured))
}

/// Finds out who is supposed to call.
///
/// # Errors
/// 422 where there is nobody of whom whoever asks may know.
pub(crate) async fn know(services: &Services, asker: &Caller, who: &Who) -> Result<Known, Problem> {
    match who {
        Who::Nobody => Ok(Known::Nobody),
        Who::Token(token) => Ok(match of_token(services, token).await? {
            Ok(who) => Known::Somebody(who),
            Err(reason) => Known::Refused(reason.reason().to_owned()),
        }),
        Who::User { user, scope } => {
            let user =
                find_user(services, asker, user).await?.ok_or_else(|| unknown("/caller/user", "user"))?;
            if user.status == Status::Suspended {
                return Ok(Known::Refused(InvalidToken::Suspended.reason().to_owned()));
            }
            let granted = services.vocabulary.granted_by(&user.roles);
            let subject = Subject::User { id: user.id, roles: user.roles };
            Ok(Known::Somebody(supposed(services, subject, &granted, scope.as_deref())))
        }
        Who::Client { client, scope } => {
            let client = find_client(services, asker, client).await?;
            let client = client.ok_or_else(|| unknown("/caller/client", "client"))?;
            let registered = services.vocabulary.scopes_in(&client.scope.join(" "));
            let subject = Subject::Client { id: client.id.to_string() };
            Ok(Known::Somebody(supposed(services, subject, &registered, scope.as_deref())))
        }
    }
}

fn supposed(
    services: &Services,
    subject: Subject,
    most: &ScopeSet,
    scope: Option<&str>,
) -> HypotheticalCaller {
    let asked = scope.map(|scope| services.vocabulary.scopes_in(scope));
    let scope = asked.map_or_else(|| most.clone(), |asked| asked.intersection(most));
    HypotheticalCaller::new(&Arc::clone(&services.vocabulary), subject, scope)
}

fn unknown(pointer: &str, kind: &str) -> Problem {
    Problem::broken_rule(pointer, Invalid::new("unknown-caller", format!("is no {kind} that you may read")))
}

async fn of_token(
    services: &Services,
    token: &str,
) -> Result<Result<HypotheticalCaller, InvalidToken>, StoreError> {
    let verification = match services.verifier.verify_awaiting_keys(token.trim()).await {
        Ok(verification) => verification,
        Err(reason) => return Ok(Err(reason)),
    };
    let confirmed = match verification {
        // A question must not make an account, as a first call may.
        Verification::External(external) => {
            let linked = services.trusted.linked_user(external.user()).await?;
            services.verifier.confirm_external(&external, linked)
        }
        verification => services.confirm(verification).await?,
    };
    Ok(confirmed.map(|verified| HypotheticalCaller::from(verified.caller())))
}

async fn find_user(services: &Services, asker: &Caller, user: &str) -> Result<Option<User>, StoreError> {
    let Ok(reach) = asker.reach::<User, Read>() else { return Ok(None) };
    let id: Option<UserId> = match (user.parse(), Email::parse(user)) {
        (Ok(id), _) => Some(id),
        (Err(_), Ok(email)) => services.trusted.user_id_by_email(&email).await?,
        (Err(_), Err(_)) => None,
    };
    let Some(id) = id else { return Ok(None) };
    let found = services.store.find(id, reach.lookup_filter()).await?;
    Ok(asker.open::<User, Read>(found).ok().map(|user| user.into_record()))
}

async fn find_client(services: &Services, asker: &Caller, id: &str) -> Result<Option<Client>, StoreError> {
    let (Ok(reach), Ok(id)) = (asker.reach::<Client, Read>(), id.parse::<ClientId>()) else {
        return Ok(None);
    };
    let found = services.store.find(id, reach.lookup_filter()).await?;
    Ok(asker.open::<Client, Read>(found).ok().map(|client| client.into_record()))
}
