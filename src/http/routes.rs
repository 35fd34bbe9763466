//! The whole API on one screen: the one list that mounts the routes, and that the matrix, the
//! OpenAPI document and the tests are made from.

use actix_web::http::Method;

use super::api::{
    account_state, audit, client_list, clients, consents, keys, profiles, sessions, user_list, users,
};
use super::kit::endpoint::{Endpoint, Part, endpoint};
use super::kit::problem::Code::*;
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
        endpoint(POST,   "/users",                                   "Make an account",                       users::create).or(&[EmailTaken, AboveCaller, Busy]),
        endpoint(GET,    "/users",                                   "List accounts",                         user_list::list).or(&[InvalidCursor]),
        endpoint(GET,    "/users/{id}",                              "Read an account; `me` is the caller",   users::read),
        endpoint(PATCH,  "/users/{id}",                              "Change an account",                     users::update).or(&[EmailTaken, AboveCaller, ChangedMeanwhile]),
        endpoint(DELETE, "/users/{id}",                              "Delete an account",                     users::delete).or(&[LastAdmin, AboveCaller, ChangedMeanwhile]),
        endpoint(GET,    "/users/{id}/profile",                      "Read a profile",                        profiles::read),
        endpoint(PUT,    "/users/{id}/profile",                      "Replace a profile",                     profiles::replace).or(&[ChangedMeanwhile]),
        endpoint(PATCH,  "/users/{id}/profile",                      "Change a profile",                      profiles::update).or(&[ChangedMeanwhile]),
        endpoint(PUT,    "/users/{id}/password",                     "Replace a password",                    account_state::set_password).or(&[AboveCaller, ChangedMeanwhile, Busy]),
        endpoint(PUT,    "/users/{id}/roles",                        "Replace a user's roles",                account_state::set_roles).or(&[LastAdmin, AboveCaller, ChangedMeanwhile]),
        endpoint(PUT,    "/users/{id}/status",                       "Suspend or activate an account",        account_state::set_status).or(&[LastAdmin, AboveCaller, ChangedMeanwhile]),
        endpoint(GET,    "/users/{id}/sessions",                     "See where a user is logged in",         sessions::list),
        endpoint(DELETE, "/users/{id}/sessions",                     "Log a user out everywhere",             sessions::end_all).or(&[AboveCaller]),
        endpoint(DELETE, "/users/{id}/sessions/{sid}",               "End one session",                       sessions::end),

        endpoint(GET,    "/users/{id}/grants",                       "See what a user lets applications do",  consents::list),
        endpoint(DELETE, "/users/{id}/grants/{client_id}",           "Take back what an application may do",  consents::withdraw).or(&[ChangedMeanwhile]),
        endpoint(GET,    "/users/{id}/audit",                        "See who did what to a user's records",  audit::of_user).or(&[InvalidCursor]),

        endpoint(GET,    "/audit",                                   "See who did what to anybody's records", audit::everybodys).or(&[InvalidCursor]),

        endpoint(POST,   "/sessions",                                "Log in with e-mail and password",       sessions::log_in).or(&[InvalidCredentials, InvalidScope, Busy]),
        endpoint(DELETE, "/sessions/current",                        "Log out",                               sessions::log_out),
        endpoint(POST,   "/oauth/token",                             "Get a token (RFC 6749)",                oauth::token).or(&[InvalidGrant, UnauthorizedClient, UnsupportedGrantType, InvalidScope, InvalidTarget]),
        endpoint(POST,   "/oauth/revoke",                            "Take back a token (RFC 7009)",          oauth::revoke),
        endpoint(POST,   "/oauth/introspect",                        "Ask what a token says (RFC 7662)",      oauth::introspect),
        endpoint(GET,    "/oauth/authorize",                         "Let a client in (RFC 6749)",            oauth::authorize),
        endpoint(POST,   "/oauth/authorize",                         "The same, by POST",                     oauth::authorize_by_form),
        endpoint(POST,   "/oauth/login",                             "Sign in, from the page",                oauth::submit_login).or(&[Busy]),
        endpoint(POST,   "/oauth/consent",                           "Agree, from the page",                  oauth::submit_consent),
        endpoint(GET,    "/oauth/logout",                            "Sign out (OpenID Connect)",             oauth::logout),
        endpoint(POST,   "/oauth/logout",                            "The same, by POST",                     oauth::logout_by_form),
        endpoint(POST,   "/oauth/confirm-logout",                    "Sign out, from the page",               oauth::confirm_logout),
        endpoint(GET,    "/oauth/userinfo",                          "Ask who the user is (OpenID Connect)",  oauth::userinfo),
        endpoint(POST,   "/oauth/userinfo",                          "The same, by POST",                     oauth::userinfo),

        endpoint(POST,   "/clients",                                 "Register a client",                     clients::create).or(&[Taken, AboveCaller]),
        endpoint(GET,    "/clients",                                 "List the clients",                      client_list::list).or(&[InvalidCursor]),
        endpoint(GET,    "/clients/{id}",                            "Read what is registered of a client",   clients::read),
        endpoint(PATCH,  "/clients/{id}",                            "Change what is registered of a client", clients::update).or(&[AboveCaller, ChangedMeanwhile]),
        endpoint(DELETE, "/clients/{id}",                            "Remove a client; its tokens are dead",  clients::delete).or(&[AboveCaller, ChangedMeanwhile]),
        endpoint(POST,   "/clients/{id}/secret",                     "Give a client another secret",          clients::rotate_secret).or(&[AboveCaller, Conflict, ChangedMeanwhile]),

        endpoint(GET,    "/oauth/pages.css",                         "The stylesheet of the pages",           pages::stylesheet),
        endpoint(GET,    "/oauth/mark.svg",                          "The mark on the pages",                 pages::mark),

        endpoint(POST,   "/keys/rotate",                             "Make the key that signs next",          keys::rotate).or(&[Conflict]),

        endpoint(GET,    "/.well-known/jwks.json",                   "The public keys (RFC 7517)",            oauth::jwks),
        endpoint(GET,    "/.well-known/oauth-authorization-server",  "Where tokens come from (RFC 8414)",     oauth::authorization_server),
        endpoint(GET,    "/.well-known/openid-configuration",        "The same for OpenID Connect clients",   oauth::authorization_server),
        endpoint(GET,    "/.well-known/oauth-protected-resource",    "Whose tokens are taken (RFC 9728)",     oauth::protected_resource),

        endpoint(GET,    "/health/live",                             "Is the process alive",                  health::live),
        endpoint(GET,    "/health/ready",                            "Can requests be answered",              health::ready).or(&[Stopping]),
        endpoint(POST,   "/authz/explain",                           "Say why a request is refused",          explain::explain).or(&[NotFound]),
        endpoint(POST,   "/access/v1/evaluation",                    "May somebody do this (AuthZEN)",        authzen::evaluation),
        endpoint(POST,   "/access/v1/evaluations",                   "May somebody do these (AuthZEN)",       authzen::evaluations),
        endpoint(GET,    "/.well-known/authzen-configuration",       "Where to ask that (AuthZEN)",           authzen::configuration),
        endpoint(GET,    "/authz/matrix",                            "Who may do what, on every route",       matrix::show),
        endpoint(GET,    "/openapi.json",                            "This API described (OpenAPI 3.1)",      health::openapi),
        endpoint(GET,    "/docs",                                    "The same to read, and to try",          docs::page),
        endpoint(GET,    "/docs/{file}",                             "What that page is made of",             docs::file),
        endpoint(GET,    "/problems/{code}",                         "What an error means",                   health::problem),
    ];
    #[cfg(feature = "bench-limits")]
    let endpoints = [super::meta::bench_limits::endpoints(), endpoints].concat();
    endpoints.into_iter().map(Endpoint::in_its_part).collect()
}

impl Endpoint {
    /// To the authorization server belongs what is there to issue tokens, or to keep what they are
    /// issued with.
    fn in_its_part(mut self) -> Self {
        let below = |roots: &[&str]| roots.iter().any(|root| self.path.starts_with(root));
        self.part = match self.path {
            "/sessions" if self.method == POST => Part::AuthorizationServer,
            // The pages that explain an error are made with them too.
            "/oauth/pages.css" | "/oauth/mark.svg" => Part::Always,
            "/.well-known/jwks.json"
            | "/.well-known/oauth-authorization-server"
            | "/.well-known/openid-configuration" => Part::AuthorizationServer,
            _ if below(&["/oauth/", "/clients", "/keys/"]) => Part::AuthorizationServer,
            _ if below(&["/docs"]) => Part::Docs,
            _ => Part::Always,
        };
        self
    }
}
