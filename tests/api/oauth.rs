//! `/oauth/…`: authorization code flow, tokens and their security.

mod authorize;
mod client_assertions;
mod codes;
mod consent;
mod dpop;
mod introspect_and_revoke;
mod invalid_requests;
mod logout;
mod many_revocations;
mod refresh_tokens;
mod resources;
mod sign_up;
