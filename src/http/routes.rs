//! The whole API on one screen: the one list that mounts the routes, and that the matrix, the
//! OpenAPI document and the tests are made from.

use actix_web::http::Method;

use super::decide::Access;
use super::endpoint::{Endpoint, endpoint};
use super::{oauth, profiles, service, sessions, user_list, users};
use crate::authz::matrix::{Entry, Row};

/// Every route.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
    let (patch, delete) = (Method::PATCH, Method::DELETE);
    let endpoints = vec![
        endpoint(post.clone(),   "/users",                      "Make an account",                      users::create),
        endpoint(get.clone(),    "/users",                      "List accounts",                        user_list::list),
        endpoint(get.clone(),    "/users/{id}",                 "Read an account; `me` is the caller",  users::read),
        endpoint(patch.clone(),  "/users/{id}",                 "Change an account",                    users::update),
        endpoint(delete.clone(), "/users/{id}",                 "Delete an account",                    users::delete),
        endpoint(get.clone(),    "/users/{id}/profile",         "Read a profile",                       profiles::read),
        endpoint(put.clone(),    "/users/{id}/profile",         "Replace a profile",                    profiles::replace),
        endpoint(patch,          "/users/{id}/profile",         "Change a profile",                     profiles::update),
        endpoint(put.clone(),    "/users/{id}/password",        "Replace a password",                   users::set_password),
        endpoint(put.clone(),    "/users/{id}/roles",           "Replace a user's roles",               users::set_roles),
        endpoint(put,            "/users/{id}/status",          "Suspend or activate an account",       users::set_status),
        endpoint(get.clone(),    "/users/{id}/sessions",        "See where a user is logged in",        sessions::list),
        endpoint(delete.clone(), "/users/{id}/sessions",        "Log a user out everywhere",            sessions::end_all),
        endpoint(delete.clone(), "/users/{id}/sessions/{sid}",  "End one session",                      sessions::end),

        endpoint(post.clone(),   "/sessions",                   "Log in with e-mail and password",      sessions::log_in),
        endpoint(delete,         "/sessions/current",           "Log out",                              sessions::log_out),
        endpoint(post,           "/oauth/token",                "Get a client's token (RFC 6749)",      oauth::token),

        endpoint(get.clone(), "/.well-known/jwks.json",                   "The public keys (RFC 7517)",           oauth::jwks),
        endpoint(get.clone(), "/.well-known/oauth-authorization-server",  "Where tokens come from (RFC 8414)",    oauth::authorization_server),
        endpoint(get.clone(), "/.well-known/oauth-protected-resource",    "Whose tokens are taken (RFC 9728)",    oauth::protected_resource),

        endpoint(get.clone(), "/health/live",     "Is the process alive",             service::live),
        endpoint(get.clone(), "/health/ready",    "Can requests be answered",         service::ready),
        endpoint(get.clone(), "/openapi.json",    "This API described (OpenAPI 3.1)", service::openapi),
        endpoint(get,         "/problems/{code}", "What an error means",              service::problem),
    ];
    #[cfg(feature = "bench-limits")]
    let endpoints = [endpoints, super::bench_limits::endpoints()].concat();
    endpoints
}

/// The authorization matrix of these routes.
pub fn matrix() -> Vec<Row> {
    endpoints()
        .iter()
        .map(|endpoint| Row {
            method: endpoint.method.to_string(),
            path: endpoint.path.to_owned(),
            summary: endpoint.summary.to_owned(),
            entry: entry(&endpoint.access),
        })
        .collect()
}

fn entry(access: &Access) -> Entry {
    match access {
        Access::Public => Entry::without_rule("everybody"),
        Access::Client => Entry::without_rule("a client with its secret"),
        Access::Authenticated => Entry::without_rule("anybody with a token, for that token"),
        Access::PublicWhileOpen(rule) => Entry::of("everybody while registration is open", rule),
        Access::Rule(rule) => Entry::of("by scope", rule),
    }
}
