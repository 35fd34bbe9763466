//! `/oauth/…`: authorization code flow, tokens and their security.

mod authorize;
mod client_assertions;
mod codes;
mod consent;
mod doubtful;
mod dpop;
mod logout;
mod refresh_tokens;
mod resources;
mod tokens_of_others;
