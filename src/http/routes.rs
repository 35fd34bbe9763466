//! All routes on one screen. Mounting, the matrix, the OpenAPI document and the tests are made from this
//! list.
//!
//! The first word of a line names the part of the server and the form of errors. `api` is always served and
//! reports problem documents. `issuer` does the same and belongs to the authorization server. `oauth` reports
//! errors by RFC 6749 §5.2. `asset` is a file of the pages. `docs` is the interactive documentation.

use actix_web::http::Method;

use super::api::{
    audit, client_list, clients, consents, keys, password, profiles, roles, sessions, status, user_list,
    users,
};
use super::kit::problem::Code::*;
use super::meta::{authzen, docs, explain, health, matrix, problems};
use super::{oauth, pages};
use crate::http::kit::{Arguments, Endpoint, Handler, Outcome, Part, endpoint};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// Every route of cloakroom itself.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    let endpoints = vec![
        api(POST,      "/users",                                  "Create an account",                          users::create).or(&[EmailTaken, AboveCaller, Busy]),
        api(GET,       "/users",                                  "List accounts",                              user_list::list).or(&[InvalidCursor]),
        api(GET,       "/users/{id}",                             "Read an account; `me` is the caller's own",  users::read),
        api(PATCH,     "/users/{id}",                             "Update an account",                          users::update).or(&[EmailTaken, AboveCaller, ChangedMeanwhile]),
        api(DELETE,    "/users/{id}",                             "Delete an account",                          users::delete).or(&[LastAdmin, AboveCaller, ChangedMeanwhile]),
        api(GET,       "/users/{id}/profile",                     "Read a profile",                             profiles::read),
        api(PUT,       "/users/{id}/profile",                     "Replace a profile",                          profiles::replace).or(&[AboveCaller, ChangedMeanwhile]),
        api(PATCH,     "/users/{id}/profile",                     "Update a profile",                           profiles::update).or(&[AboveCaller, ChangedMeanwhile]),
        api(PUT,       "/users/{id}/password",                    "Replace a password",                         password::replace).or(&[AboveCaller, ChangedMeanwhile, Busy]),
        api(PUT,       "/users/{id}/roles",                       "Replace a user's roles",                     roles::replace).or(&[LastAdmin, AboveCaller, ChangedMeanwhile]),
        api(PUT,       "/users/{id}/status",                      "Suspend or activate an account",             status::replace).or(&[LastAdmin, AboveCaller, ChangedMeanwhile]),
        api(GET,       "/users/{id}/sessions",                    "List a user's sessions",                     sessions::list).or(&[InvalidCursor]),
        api(DELETE,    "/users/{id}/sessions",                    "End all sessions of a user",                 sessions::end_all).or(&[AboveCaller, ChangedMeanwhile]),
        api(DELETE,    "/users/{id}/sessions/{sid}",              "End one session",                            sessions::end).or(&[AboveCaller, ChangedMeanwhile]),

        api(GET,       "/users/{id}/grants",                      "List a user's consents",                     consents::list).or(&[InvalidCursor]),
        api(DELETE,    "/users/{id}/grants/{client_id}",          "Withdraw a consent",                         consents::withdraw).or(&[AboveCaller, ChangedMeanwhile]),
        api(GET,       "/users/{id}/audit",                       "List the audit events of a user's records",  audit::of_user).or(&[InvalidCursor]),

        api(GET,       "/audit",                                  "List or export all audit events",            audit::of_all).or(&[InvalidCursor]),

        issuer(POST,   "/sessions",                               "Log in with e-mail and password",            sessions::log_in).or(&[InvalidCredentials, InvalidScope, Busy]),
        api(DELETE,    "/sessions/current",                       "Log out of the current session",             sessions::log_out),
        oauth(POST,    "/oauth/token",                            "Issue tokens (RFC 6749)",                    oauth::token).or(&[InvalidGrant, UnauthorizedClient, UnsupportedGrantType, InvalidScope, InvalidTarget]),
        oauth(POST,    "/oauth/revoke",                           "Revoke a token (RFC 7009)",                  oauth::revoke),
        oauth(POST,    "/oauth/introspect",                       "Introspect a token (RFC 7662)",              oauth::introspect),
        oauth(GET,     "/oauth/authorize",                        "Authorize a client (RFC 6749)",              oauth::authorize),
        oauth(POST,    "/oauth/authorize",                        "Authorize a client, by form",                oauth::authorize_by_form),
        oauth(GET,     "/oauth/login",                            "Start the authorization again",              oauth::resume_authorization),
        oauth(POST,    "/oauth/login",                            "Submit the sign-in page",                    oauth::submit_login).or(&[Busy]),
        oauth(GET,     "/oauth/consent",                          "Start the authorization again",              oauth::resume_authorization),
        oauth(POST,    "/oauth/consent",                          "Submit the consent page",                    oauth::submit_consent),
        oauth(GET,     "/oauth/logout",                           "Sign out (OpenID Connect)",                  oauth::logout),
        oauth(POST,    "/oauth/logout",                           "Sign out, by form (OpenID Connect)",         oauth::logout_by_form),
        oauth(GET,     "/oauth/confirm-logout",                   "Start the sign-out again",                   oauth::resume_logout),
        oauth(POST,    "/oauth/confirm-logout",                   "Submit the sign-out page",                   oauth::confirm_logout),
        oauth(GET,     "/oauth/userinfo",                         "Read the user's claims (OpenID Connect)",    oauth::userinfo),
        oauth(POST,    "/oauth/userinfo",                         "Read the user\'s claims, by POST",           oauth::userinfo),

        issuer(POST,   "/clients",                                "Register a client",                          clients::create).or(&[Taken, AboveCaller]),
        issuer(GET,    "/clients",                                "List clients",                               client_list::list).or(&[InvalidCursor]),
        issuer(GET,    "/clients/{id}",                           "Read a client",                              clients::read),
        issuer(PATCH,  "/clients/{id}",                           "Update a client",                            clients::update).or(&[AboveCaller, ChangedMeanwhile]),
        issuer(DELETE, "/clients/{id}",                           "Delete a client and revoke its tokens",      clients::delete).or(&[AboveCaller, ChangedMeanwhile]),
        issuer(POST,   "/clients/{id}/secret",                    "Rotate a client's secret",                   clients::rotate_secret).or(&[AboveCaller, Conflict, ChangedMeanwhile]),

        asset(GET,     "/oauth/pages.css",                        "The stylesheet of the pages",                pages::stylesheet),
        asset(GET,     "/oauth/mark.svg",                         "The logo of the pages",                      pages::mark),

        issuer(POST,   "/keys/rotate",                            "Rotate the signing key",                     keys::rotate).or(&[Conflict]),

        issuer(GET,    "/.well-known/jwks.json",                  "Public keys (RFC 7517)",                     oauth::jwks),
        issuer(GET,    "/.well-known/oauth-authorization-server", "Authorization server metadata (RFC 8414)",   oauth::authorization_server),
        issuer(GET,    "/.well-known/openid-configuration",       "OpenID Connect provider metadata",           oauth::authorization_server),
        api(GET,       "/.well-known/oauth-protected-resource",   "Protected resource metadata (RFC 9728)",     oauth::protected_resource),

        api(GET,       "/health/live",                            "Check that the process is alive",            health::live),
        api(GET,       "/health/ready",                           "Check that requests can be answered",        health::ready).or(&[Stopping]),
        api(POST,      "/authz/explain",                          "Explain a decision",                         explain::explain).or(&[NotFound]),
        api(POST,      "/access/v1/evaluation",                   "Evaluate one access request (AuthZEN)",      authzen::evaluation),
        api(POST,      "/access/v1/evaluations",                  "Evaluate several access requests (AuthZEN)", authzen::evaluations),
        api(GET,       "/.well-known/authzen-configuration",      "AuthZEN metadata",                           authzen::configuration),
        api(GET,       "/authz/matrix",                           "The authorization matrix",                   matrix::show),
        api(GET,       "/openapi.json",                           "The OpenAPI 3.1 document",                   health::openapi),
        docs(GET,      "/docs",                                   "The interactive documentation",              docs::page),
        docs(GET,      "/docs/{file}",                            "A file of the interactive documentation",    docs::file),
        api(GET,       "/problems",                               "List the problem codes",                     problems::list),
        api(GET,       "/problems/{code}",                        "Explain a problem code",                     problems::read),
    ];
    #[cfg(feature = "bench-limits")]
    let endpoints = [super::bench_limits::endpoints(), endpoints].concat();
    endpoints
}

type Summary = &'static str;

fn api<A: Arguments, H>(method: Method, path: &'static str, summary: Summary, handler: H) -> Endpoint
where
    H: Handler<A, Outcome: Outcome>,
{
    endpoint(method, path, summary, handler)
}

fn issuer<A: Arguments, H>(method: Method, path: &'static str, summary: Summary, handler: H) -> Endpoint
where
    H: Handler<A, Outcome: Outcome>,
{
    endpoint(method, path, summary, handler).in_part(Part::AuthorizationServer)
}

fn oauth<A: Arguments, H>(method: Method, path: &'static str, summary: Summary, handler: H) -> Endpoint
where
    H: Handler<A, Outcome: Outcome>,
{
    issuer(method, path, summary, handler).with_oauth_errors()
}

fn asset<A: Arguments, H>(method: Method, path: &'static str, summary: Summary, handler: H) -> Endpoint
where
    H: Handler<A, Outcome: Outcome>,
{
    endpoint(method, path, summary, handler).with_oauth_errors()
}

fn docs<A: Arguments, H>(method: Method, path: &'static str, summary: Summary, handler: H) -> Endpoint
where
    H: Handler<A, Outcome: Outcome>,
{
    endpoint(method, path, summary, handler).in_part(Part::Docs)
}
