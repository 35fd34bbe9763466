//! Dry run of a request: the decision of its route for a hypothetical caller. The result reveals no user,
//! client or record that the requesting caller (`asker`) may not read.

use std::sync::Arc;

use actix_web::http::Method;

use crate::authz::action::Read;
use crate::authz::{Caller, Explanation, HypotheticalCaller, ScopeSet, StepUp, Subject};
use crate::domain::{Client, ClientId, Email, Invalid, Status, User, UserId};
use crate::http::kit::authentication::ConfirmError;
use crate::http::kit::{Captured, DryRun, PathSegments, Problem, Route, Services};
use crate::store::StoreError;
use crate::token::{InvalidToken, Verification};

/// Hypothetical request.
pub struct HypotheticalRequest {
    pub(crate) caller: NamedCaller,
    pub(crate) method: Method,
    pub(crate) path: String,
}

/// Caller of a hypothetical request, as the request names it.
#[derive(PartialEq, Eq)]
pub enum NamedCaller {
    /// A caller without a token.
    Anonymous,
    /// The caller of this access token.
    Token(String),
    /// A user, by id or e-mail address, with the part of this scope that the user's roles grant. `stale` for one who
    /// authenticated too long ago for rules with `fresh`.
    User { user: String, scope: Option<String>, stale: bool },
    /// A client that acts for itself, with the part of this scope that it is registered for.
    Client { client: String, scope: Option<String> },
}

/// Caller of a hypothetical request after the lookup.
pub(crate) enum ResolvedCaller {
    /// A caller without a token.
    Anonymous,
    /// A caller with a valid token.
    Authenticated(HypotheticalCaller),
    /// A caller whose token is invalid, for this reason.
    Refused(String),
}

/// Explains the decision on a request, and returns its route.
///
/// # Errors
/// 422 when there is no such route, or when the asker may not know the caller.
pub(crate) async fn explain<'a>(
    services: &'a Services,
    asker: &Caller,
    request: &HypotheticalRequest,
) -> Result<(Explanation, &'a Route), Problem> {
    let (endpoint, segments) = find_route(services, &request.method, &request.path)?;
    let caller = resolve_caller(services, asker, &request.caller).await?;
    Ok((explain_route(services, Some(asker), &caller, endpoint, &segments).await?, endpoint))
}

/// Explains the decision of a route for these segments of its path. Without an asker, the caller asks about itself.
pub(crate) async fn explain_route(
    services: &Services,
    asker: Option<&Caller>,
    caller: &ResolvedCaller,
    route: &Route,
    segments: &Captured,
) -> Result<Explanation, StoreError> {
    let who = match caller {
        ResolvedCaller::Anonymous => None,
        ResolvedCaller::Authenticated(who) => Some(who),
        // A route without authentication ignores the token.
        ResolvedCaller::Refused(_) if !route.access.looks_at_tokens() => None,
        ResolvedCaller::Refused(reason) => {
            return Ok(Explanation::not_acceptable(route.access.rule(), reason));
        }
    };
    let (path, registration_open) = (PathSegments::of(segments), services.registration_open);
    route.dry_run(&DryRun { store: &services.store, who, path, asker, registration_open }).await
}

/// Returns the route of a path, and the values of the path's parameters.
pub(crate) fn find_route<'a>(
    services: &'a Services,
    method: &Method,
    path: &str,
) -> Result<(&'a Route, Captured), Problem> {
    let Some((indices, captured)) = services.routes.find(path) else {
        return Err(Problem::broken_rule("/path", Invalid::new("unknown-path", "no route has this path")));
    };
    let mut routes = indices.iter().filter_map(|index| services.routes.all().get(*index));
    let route = routes.find(|route| route.answers(method)).ok_or_else(|| {
        Problem::broken_rule(
            "/method",
            Invalid::new("unknown-method", "the path does not support this method"),
        )
    })?;
    Ok((route, captured))
}

/// Looks up the caller of a hypothetical request.
///
/// # Errors
/// 422 when the caller does not exist, or the asker may not know it.
pub(crate) async fn resolve_caller(
    services: &Services,
    asker: &Caller,
    caller: &NamedCaller,
) -> Result<ResolvedCaller, Problem> {
    match caller {
        NamedCaller::Anonymous => Ok(ResolvedCaller::Anonymous),
        NamedCaller::Token(token) => match of_token(services, token).await {
            Ok(who) => Ok(ResolvedCaller::Authenticated(who)),
            Err(ConfirmError::Token(reason)) => Ok(ResolvedCaller::Refused(reason.reason().to_owned())),
            Err(ConfirmError::Store(error)) => Err(error.into()),
        },
        NamedCaller::User { user, scope, stale } => {
            let user =
                find_user(services, asker, user).await?.ok_or_else(|| unknown("/caller/user", "user"))?;
            if user.status == Status::Suspended {
                return Ok(ResolvedCaller::Refused(InvalidToken::Suspended.reason().to_owned()));
            }
            let granted = services.vocabulary.granted_by(&user.roles);
            let subject = Subject::User { id: user.id, roles: user.roles };
            let who = hypothetical(services, subject, &granted, scope.as_deref());
            let is_stale = *stale && services.step_up != StepUp::OFF;
            Ok(ResolvedCaller::Authenticated(if is_stale { who.stale() } else { who }))
        }
        NamedCaller::Client { client, scope } => {
            let client = find_client(services, asker, client).await?;
            let client = client.ok_or_else(|| unknown("/caller/client", "client"))?;
            let registered = services.vocabulary.scopes_in(&client.scope.join(" "));
            let subject = Subject::Client { id: client.id.to_string() };
            Ok(ResolvedCaller::Authenticated(hypothetical(services, subject, &registered, scope.as_deref())))
        }
    }
}

fn hypothetical(
    services: &Services,
    subject: Subject,
    most: &ScopeSet,
    scope: Option<&str>,
) -> HypotheticalCaller {
    let requested = scope.map(|scope| services.vocabulary.scopes_in(scope));
    let scope = requested.map_or_else(|| most.clone(), |requested| requested.intersection(most));
    HypotheticalCaller::new(&Arc::clone(&services.vocabulary), subject, scope)
}

fn unknown(pointer: &str, kind: &str) -> Problem {
    Problem::broken_rule(
        pointer,
        Invalid::new("unknown-caller", format!("is not a {kind} that you may read")),
    )
}

async fn of_token(services: &Services, token: &str) -> Result<HypotheticalCaller, ConfirmError> {
    let verified = match services.verifier.verify_awaiting_keys(token.trim()).await? {
        // A dry run must not create an account, as the first real request may.
        Verification::External(external) => {
            let linked = services.trusted.linked_user(external.user()).await?;
            services.verifier.confirm_external(&external, linked)?
        }
        verification => services.confirm(verification).await?,
    };
    let caller = verified.caller().clone().at(services.clock.now(), services.step_up);
    Ok(HypotheticalCaller::from(&caller))
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
