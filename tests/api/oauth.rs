//! `/oauth/…`: an application signs its users in, and is as safe to let in as it can be.

mod authorize;
mod codes;
mod consent;
mod doubtful;
mod logout;
mod refresh_tokens;
mod tokens_of_others;
