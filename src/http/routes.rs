//! All routes on one screen. Mounting, the matrix, the OpenAPI document and the tests are made from this list.
//!
//! The first word of a line says the part of the server and the form of errors: `api` is always served and answers
//! with problem documents, `issuer` the same for what only the authorization server has, `oauth` answers errors as
//! RFC 6749 §5.2 has it, `asset` is a file of its pages, `docs` the page on which the API can be tried.

use actix_web::http::Method;

use super::api::{
    account_state, audit, client_list, clients, consents, keys, profiles, sessions, user_list, users,
};
use super::kit::endpoint::{Arguments, Endpoint, Handler, Outcome, endpoint};
use super::kit::problem::Code::*;
use super::kit::route::Part;
use super::meta::{authzen, docs, explain, health, matrix};
use super::{oauth, pages};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// Every route of cloakroom itself.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    let endpoints = vec![
        api(POST,      "/users",                                   "Make an account",                       users::create).or(&[EmailTaken, AboveCaller, Busy]),
        api(GET,       "/users",                                   "List accounts",                         user_list::list).or(&[InvalidCursor]),
        api(GET,       "/users/{id}",                              "Read an account; `me` is the caller",   users::read),
        api(PATCH,     "/users/{id}",                              "Change an account",                     users::update).or(&[EmailTaken, AboveCaller, ChangedMeanwhile]),
        api(DELETE,    "/users/{id}",                              "Delete an account",                     users::delete).or(&[LastAdmin, AboveCaller, ChangedMeanwhile]),
        api(GET,       "/users/{id}/profile",                      "Read a profile",                        profiles::read),
        api(PUT,       "/users/{id}/profile",                      "Replace a profile",                     profiles::replace).or(&[ChangedMeanwhile]),
        api(PATCH,     "/users/{id}/profile",                      "Change a profile",                      profiles::update).or(&[ChangedMeanwhile]),
        api(PUT,       "/users/{id}/password",                     "Replace a password",                    account_state::set_password).or(&[AboveCaller, ChangedMeanwhile, Busy]),
        api(PUT,       "/users/{id}/roles",                        "Replace a user's roles",                account_state::set_roles).or(&[LastAdmin, AboveCaller, ChangedMeanwhile]),
        api(PUT,       "/users/{id}/status",                       "Suspend or activate an account",        account_state::set_status).or(&[LastAdmin, AboveCaller, ChangedMeanwhile]),
        api(GET,       "/users/{id}/sessions",                     "See where a user is logged in",         sessions::list),
        api(DELETE,    "/users/{id}/sessions",                     "Log a user out everywhere",             sessions::end_all).or(&[AboveCaller]),
        api(DELETE,    "/users/{id}/sessions/{sid}",               "End one session",                       sessions::end),

        api(GET,       "/users/{id}/grants",                       "See what a user lets applications do",  consents::list),
        api(DELETE,    "/users/{id}/grants/{client_id}",           "Take back what an application may do",  consents::withdraw).or(&[ChangedMeanwhile]),
        api(GET,       "/users/{id}/audit",                        "See who did what to a user's records",  audit::of_user).or(&[InvalidCursor]),

        api(GET,       "/audit",                                   "See who did what to anybody's records", audit::everybodys).or(&[InvalidCursor]),

        issuer(POST,   "/sessions",                                "Log in with e-mail and password",       sessions::log_in).or(&[InvalidCredentials, InvalidScope, Busy]),
        api(DELETE,    "/sessions/current",                        "Log out",                               sessions::log_out),
        oauth(POST,    "/oauth/token",                             "Get a token (RFC 6749)",                oauth::token).or(&[InvalidGrant, UnauthorizedClient, UnsupportedGrantType, InvalidScope, InvalidTarget]),
        oauth(POST,    "/oauth/revoke",                            "Take back a token (RFC 7009)",          oauth::revoke),
        oauth(POST,    "/oauth/introspect",                        "Ask what a token says (RFC 7662)",      oauth::introspect),
        oauth(GET,     "/oauth/authorize",                         "Let a client in (RFC 6749)",            oauth::authorize),
        oauth(POST,    "/oauth/authorize",                         "The same, by POST",                     oauth::authorize_by_form),
        oauth(POST,    "/oauth/login",                             "Sign in, from the page",                oauth::submit_login).or(&[Busy]),
        oauth(POST,    "/oauth/consent",                           "Agree, from the page",                  oauth::submit_consent),
        oauth(GET,     "/oauth/logout",                            "Sign out (OpenID Connect)",             oauth::logout),
        oauth(POST,    "/oauth/logout",                            "The same, by POST",                     oauth::logout_by_form),
        oauth(POST,    "/oauth/confirm-logout",                    "Sign out, from the page",               oauth::confirm_logout),
        oauth(GET,     "/oauth/userinfo",                          "Ask who the user is (OpenID Connect)",  oauth::userinfo),
        oauth(POST,    "/oauth/userinfo",                          "The same, by POST",                     oauth::userinfo),

        issuer(POST,   "/clients",                                 "Register a client",                     clients::create).or(&[Taken, AboveCaller]),
        issuer(GET,    "/clients",                                 "List the clients",                      client_list::list).or(&[InvalidCursor]),
        issuer(GET,    "/clients/{id}",                            "Read what is registered of a client",   clients::read),
        issuer(PATCH,  "/clients/{id}",                            "Change what is registered of a client", clients::update).or(&[AboveCaller, ChangedMeanwhile]),
        issuer(DELETE, "/clients/{id}",                            "Remove a client; its tokens are dead",  clients::delete).or(&[AboveCaller, ChangedMeanwhile]),
        issuer(POST,   "/clients/{id}/secret",                     "Give a client another secret",          clients::rotate_secret).or(&[AboveCaller, Conflict, ChangedMeanwhile]),

        asset(GET,     "/oauth/pages.css",                         "The stylesheet of the pages",           pages::stylesheet),
        asset(GET,     "/oauth/mark.svg",                          "The mark on the pages",                 pages::mark),

        issuer(POST,   "/keys/rotate",                             "Make the key that signs next",          keys::rotate).or(&[Conflict]),

        issuer(GET,    "/.well-known/jwks.json",                   "The public keys (RFC 7517)",            oauth::jwks),
        issuer(GET,    "/.well-known/oauth-authorization-server",  "Where tokens come from (RFC 8414)",     oauth::authorization_server),
        issuer(GET,    "/.well-known/openid-configuration",        "The same for OpenID Connect clients",   oauth::authorization_server),
        api(GET,       "/.well-known/oauth-protected-resource",    "Whose tokens are taken (RFC 9728)",     oauth::protected_resource),

        api(GET,       "/health/live",                             "Is the process alive",                  health::live),
        api(GET,       "/health/ready",                            "Can requests be answered",              health::ready).or(&[Stopping]),
        api(POST,      "/authz/explain",                           "Say why a request is refused",          explain::explain).or(&[NotFound]),
        api(POST,      "/access/v1/evaluation",                    "May somebody do this (AuthZEN)",        authzen::evaluation),
        api(POST,      "/access/v1/evaluations",                   "May somebody do these (AuthZEN)",       authzen::evaluations),
        api(GET,       "/.well-known/authzen-configuration",       "Where to ask that (AuthZEN)",           authzen::configuration),
        api(GET,       "/authz/matrix",                            "Who may do what, on every route",       matrix::show),
        api(GET,       "/openapi.json",                            "This API described (OpenAPI 3.1)",      health::openapi),
        docs(GET,      "/docs",                                    "The same to read, and to try",          docs::page),
        docs(GET,      "/docs/{file}",                             "What that page is made of",             docs::file),
        api(GET,       "/problems/{code}",                         "What an error means",                   health::problem),
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
