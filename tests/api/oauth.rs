//! `/oauth/…`: an application signs its users in, and is as safe to let in as it can be.

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
