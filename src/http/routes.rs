//! All routes on one screen. Mounting, the matrix, the OpenAPI document and the tests are made from this
//! list.
//!
//! The first word of a line names the part of the server and the form of errors. The name after the path is the
//! `operationId`. `api` is always served and reports problem documents. `issuer` does the same and belongs to the authorization server.
//! `mail` is served where the server sends mail. `oauth` reports
//! errors by RFC 6749 §5.2. `page` is an address of a form, which is not in the OpenAPI document. `asset` is a file of the pages. `docs` is the interactive documentation.

use actix_web::http::Method;

use super::api::{
    audit, client_list, clients, consents, email_verifications, invitations, keys, password, password_resets,
    profiles, roles, sessions, status, user_list, users,
};
use super::kit::problem::Code::*;
use super::meta::{authzen, docs, explain, health, matrix, problems, service};
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
        api(POST,      "/users",                                  "createUser",                     "Create an account",                          users::create).or(&[EmailTaken, ExternalIdTaken, AboveCaller, Busy]),
        api(GET,       "/users",                                  "listUsers",                      "List accounts",                              user_list::list).or(&[InvalidCursor]),
        api(GET,       "/users/{id}",                             "getUser",                        "Read an account; me is the caller's own",    users::read),
        api(PATCH,     "/users/{id}",                             "updateUser",                     "Update an account",                          users::update).or(&[EmailTaken, ExternalIdTaken, AboveCaller, ChangedMeanwhile]),
        api(DELETE,    "/users/{id}",                             "deleteUser",                     "Delete an account",                          users::delete).or(&[LastAdmin, AboveCaller, ChangedMeanwhile]),
        api(GET,       "/users/{id}/profile",                     "getProfile",                     "Read a profile",                             profiles::read),
        api(PUT,       "/users/{id}/profile",                     "replaceProfile",                 "Replace a profile",                          profiles::replace).or(&[AboveCaller, ChangedMeanwhile]),
        api(PATCH,     "/users/{id}/profile",                     "updateProfile",                  "Update a profile",                           profiles::update).or(&[AboveCaller, ChangedMeanwhile]),
        api(PUT,       "/users/{id}/password",                    "changePassword",                 "Replace a password",                         password::replace).or(&[AboveCaller, ChangedMeanwhile, Busy]),
        mail(POST,     "/users/{id}/email-verification",          "sendVerification",               "Send the mail that proves the address",      email_verifications::send).or(&[Conflict, AboveCaller, ChangedMeanwhile]),
        mail(POST,     "/users/{id}/invitation",                  "inviteUser",                     "Invite a user to set the first password",    invitations::invite).or(&[Conflict, AboveCaller, ChangedMeanwhile]),
        api(PUT,       "/users/{id}/roles",                       "setUserRoles",                   "Replace a user's roles",                     roles::replace).or(&[LastAdmin, AboveCaller, ChangedMeanwhile]),
        api(PUT,       "/users/{id}/status",                      "setUserStatus",                  "Suspend or activate an account",             status::replace).or(&[LastAdmin, AboveCaller, ChangedMeanwhile]),
        api(GET,       "/users/{id}/sessions",                    "listSessions",                   "List a user's sessions",                     sessions::list).or(&[InvalidCursor]),
        api(DELETE,    "/users/{id}/sessions",                    "endSessions",                    "End all sessions of a user",                 sessions::end_all).or(&[AboveCaller, ChangedMeanwhile]),
        api(DELETE,    "/users/{id}/sessions/{sid}",              "endSession",                     "End one session",                            sessions::end).or(&[AboveCaller, ChangedMeanwhile]),

        api(GET,       "/users/{id}/grants",                      "listConsents",                   "List a user's consents",                     consents::list).or(&[InvalidCursor]),
        api(DELETE,    "/users/{id}/grants/{client_id}",          "withdrawConsent",                "Withdraw a consent",                         consents::withdraw).or(&[AboveCaller, ChangedMeanwhile]),
        api(GET,       "/users/{id}/audit",                       "listUserAuditEvents",            "List the audit events of a user's records",  audit::of_user).or(&[InvalidCursor]),

        api(GET,       "/audit",                                  "listAuditEvents",                "List or export all audit events",            audit::of_all).or(&[InvalidCursor]),

        issuer(POST,   "/sessions",                               "logIn",                          "Log in with e-mail and password",            sessions::log_in).or(&[InvalidCredentials, InvalidScope, Busy]),
        issuer(POST,   "/sessions/current/authentication",        "authenticateAgain",              "Authenticate again",                         sessions::authenticate).or(&[Conflict, Busy]),
        api(DELETE,    "/sessions/current",                       "logOut",                         "Log out of the current session",             sessions::log_out),
        oauth(POST,    "/oauth/token",                            "issueToken",                     "Issue tokens (RFC 6749)",                    oauth::token).or(&[InvalidGrant, UnauthorizedClient, UnsupportedGrantType, InvalidScope, InvalidTarget]),
        oauth(POST,    "/oauth/revoke",                           "revokeToken",                    "Revoke a token (RFC 7009)",                  oauth::revoke),
        oauth(POST,    "/oauth/introspect",                       "introspectToken",                "Introspect a token (RFC 7662)",              oauth::introspect),
        oauth(GET,     "/oauth/authorize",                        "authorize",                      "Authorize a client (RFC 6749)",              oauth::authorize),
        oauth(POST,    "/oauth/authorize",                        "authorizeByForm",                "Authorize a client, by form",                oauth::authorize_by_form),
        page(GET,      "/oauth/login",                            "resumeLogin",                    "Start the authorization again",              oauth::resume_authorization),
        page(POST,     "/oauth/login",                            "submitLogin",                    "Submit the sign-in page",                    oauth::submit_login).or(&[Busy]),
        page(GET,      "/oauth/sign-up",                          "resumeSignUp",                  "Start the authorization again",              oauth::resume_authorization),
        page(POST,     "/oauth/sign-up",                          "submitSignUp",                  "Submit the sign-up page",                    oauth::submit_sign_up).or(&[Busy]),
        page(GET,      "/oauth/consent",                          "resumeConsent",                  "Start the authorization again",              oauth::resume_authorization),
        page(POST,     "/oauth/consent",                          "submitConsent",                  "Submit the consent page",                    oauth::submit_consent),
        page(GET,      "/oauth/forgot-password",                  "showForgottenPassword",          "Show the page for a forgotten password",     oauth::forgot_password).in_part(Part::Mail),
        page(POST,     "/oauth/forgot-password",                  "submitForgottenPassword",        "Request a link for a new password",          oauth::request_password_link).or(&[InvalidRequest]).in_part(Part::Mail),
        page(GET,      "/oauth/reset-password",                   "showPasswordReset",              "Show the page of a link for a new password", oauth::show_reset),
        page(POST,     "/oauth/reset-password",                   "submitPasswordReset",            "Set a new password",                         oauth::submit_reset).or(&[InvalidLink, Busy]),
        page(GET,      "/oauth/accept-invitation",                "showInvitation",                 "Show the page of an invitation",             oauth::show_invitation),
        page(POST,     "/oauth/accept-invitation",                "submitInvitation",               "Set the first password",                     oauth::submit_invitation).or(&[InvalidLink, Busy]),
        page(GET,      "/oauth/verify-email",                     "showEmailVerification",          "Show the page that proves an address",       oauth::show_verification),
        page(POST,     "/oauth/verify-email",                     "submitEmailVerification",        "Prove an address",                           oauth::submit_verification).or(&[InvalidLink]),
        page(GET,      "/oauth/undo-email-change",                "showUndo",                       "Show the page that undoes a new address",    oauth::show_undo),
        page(POST,     "/oauth/undo-email-change",                "submitUndo",                     "Undo a change of address",                   oauth::submit_undo).or(&[InvalidLink]),
        oauth(GET,     "/oauth/logout",                           "signOut",                        "Sign out (OpenID Connect)",                  oauth::logout),
        oauth(POST,    "/oauth/logout",                           "signOutByForm",                  "Sign out, by form (OpenID Connect)",         oauth::logout_by_form),
        page(GET,      "/oauth/confirm-logout",                   "resumeLogout",                   "Start the sign-out again",                   oauth::resume_logout),
        page(POST,     "/oauth/confirm-logout",                   "confirmLogout",                  "Submit the sign-out page",                   oauth::confirm_logout),
        oauth(GET,     "/oauth/userinfo",                         "getUserinfo",                    "Read the user's claims (OpenID Connect)",    oauth::userinfo),
        oauth(POST,    "/oauth/userinfo",                         "getUserinfoByPost",              "Read the user\'s claims, by POST",           oauth::userinfo),

        mail(POST,     "/password-resets",                        "requestPasswordReset",           "Request a link for a new password",          password_resets::request),
        issuer(POST,   "/password-resets/redeem",                 "resetPassword",                  "Set a new password by a mailed link",        password_resets::redeem).or(&[InvalidLink, Busy]),
        issuer(POST,   "/invitations/redeem",                     "acceptInvitation",               "Set the first password by a mailed link",    password_resets::redeem_invitation).or(&[InvalidLink, Busy]),
        issuer(POST,   "/email-verifications/redeem",             "verifyEmail",                    "Prove an address by a mailed link",          email_verifications::redeem).or(&[InvalidLink]),
        issuer(POST,   "/email-changes/undo",                     "undoEmailChange",                "Undo a change of address by a mailed link",  email_verifications::undo).or(&[InvalidLink]),

        issuer(POST,   "/clients",                                "createClient",                   "Register a client",                          clients::create).or(&[Taken, AboveCaller]),
        issuer(GET,    "/clients",                                "listClients",                    "List clients",                               client_list::list).or(&[InvalidCursor]),
        issuer(GET,    "/clients/{id}",                           "getClient",                      "Read a client",                              clients::read),
        issuer(PATCH,  "/clients/{id}",                           "updateClient",                   "Update a client",                            clients::update).or(&[AboveCaller, ChangedMeanwhile]),
        issuer(DELETE, "/clients/{id}",                           "deleteClient",                   "Delete a client and revoke its tokens",      clients::delete).or(&[AboveCaller, ChangedMeanwhile]),
        issuer(POST,   "/clients/{id}/secret",                    "rotateClientSecret",             "Rotate a client's secret",                   clients::rotate_secret).or(&[AboveCaller, Conflict, ChangedMeanwhile]),

        asset(GET,     "/oauth/pages.css",                        "getStylesheet",                  "The stylesheet of the pages",                pages::stylesheet),
        asset(GET,     "/oauth/mark.svg",                         "getLogo",                        "The logo of the pages",                      pages::mark),

        issuer(POST,   "/keys/rotate",                            "rotateSigningKey",               "Rotate the signing key",                     keys::rotate).or(&[Conflict]),

        issuer(GET,    "/.well-known/jwks.json",                  "getPublicKeys",                  "Public keys (RFC 7517)",                     oauth::jwks),
        issuer(GET,    "/.well-known/oauth-authorization-server", "getAuthorizationServerMetadata", "Authorization server metadata (RFC 8414)",   oauth::authorization_server),
        issuer(GET,    "/.well-known/openid-configuration",       "getOpenIdConfiguration",         "OpenID Connect provider metadata",           oauth::authorization_server),
        api(GET,       "/.well-known/oauth-protected-resource",   "getProtectedResourceMetadata",   "Protected resource metadata (RFC 9728)",     oauth::protected_resource),

        api(GET,       "/service",                                "getService",                     "Describe the service, for a sign-in page",   service::read),
        api(GET,       "/health/live",                            "checkLiveness",                  "Check that the process is alive",            health::live),
        api(GET,       "/health/ready",                           "checkReadiness",                 "Check that requests can be answered",        health::ready).or(&[Stopping]),
        api(POST,      "/authz/explain",                          "explainDecision",                "Explain a decision",                         explain::explain).or(&[NotFound]),
        api(POST,      "/access/v1/evaluation",                   "evaluateAccess",                 "Evaluate one access request (AuthZEN)",      authzen::evaluation),
        api(POST,      "/access/v1/evaluations",                  "evaluateAccessRequests",         "Evaluate several access requests (AuthZEN)", authzen::evaluations),
        api(GET,       "/.well-known/authzen-configuration",      "getAuthZenConfiguration",        "AuthZEN metadata",                           authzen::configuration),
        api(GET,       "/authz/matrix",                           "getAuthorizationMatrix",         "The authorization matrix",                   matrix::show),
        api(GET,       "/openapi.json",                           "getOpenApiDocument",             "The OpenAPI 3.1 document",                   health::openapi),
        docs(GET,      "/docs",                                   "getDocs",                        "The interactive documentation",              docs::page),
        docs(GET,      "/docs/{file}",                            "getDocsFile",                    "A file of the interactive documentation",    docs::file),
        api(GET,       "/problems",                               "listProblems",                   "List the problem codes",                     problems::list),
        api(GET,       "/problems/{code}",                        "getProblem",                     "Explain a problem code",                     problems::read),
    ];
    #[cfg(feature = "bench-limits")]
    let endpoints = [super::bench_limits::endpoints(), endpoints].concat();
    endpoints
}

type Text = &'static str;

fn api<A: Arguments, H>(method: Method, path: Text, name: Text, summary: Text, handler: H) -> Endpoint
where
    H: Handler<A, Outcome: Outcome>,
{
    endpoint(method, path, summary, handler).named(name)
}

fn issuer<A: Arguments, H>(method: Method, path: Text, name: Text, summary: Text, handler: H) -> Endpoint
where
    H: Handler<A, Outcome: Outcome>,
{
    endpoint(method, path, summary, handler).named(name).in_part(Part::AuthorizationServer)
}

fn mail<A: Arguments, H>(method: Method, path: Text, name: Text, summary: Text, handler: H) -> Endpoint
where
    H: Handler<A, Outcome: Outcome>,
{
    endpoint(method, path, summary, handler).named(name).in_part(Part::Mail)
}

fn oauth<A: Arguments, H>(method: Method, path: Text, name: Text, summary: Text, handler: H) -> Endpoint
where
    H: Handler<A, Outcome: Outcome>,
{
    issuer(method, path, name, summary, handler).with_oauth_errors()
}

fn page<A: Arguments, H>(method: Method, path: Text, name: Text, summary: Text, handler: H) -> Endpoint
where
    H: Handler<A, Outcome: Outcome>,
{
    oauth(method, path, name, summary, handler).undocumented()
}

fn asset<A: Arguments, H>(method: Method, path: Text, name: Text, summary: Text, handler: H) -> Endpoint
where
    H: Handler<A, Outcome: Outcome>,
{
    endpoint(method, path, summary, handler).named(name).with_oauth_errors()
}

fn docs<A: Arguments, H>(method: Method, path: Text, name: Text, summary: Text, handler: H) -> Endpoint
where
    H: Handler<A, Outcome: Outcome>,
{
    endpoint(method, path, summary, handler).named(name).in_part(Part::Docs)
}
