//! `cloakroom token`: tokens for every situation, and why one is or is not accepted.

mod inspect;
mod mint;

use std::sync::Arc;

use clap::{ArgMatches, Command};

use super::context::Context;
use super::group;
use super::output::Failure;
use crate::App;
use crate::server::stored_keys;
use crate::store::TrustedStore;
use crate::token::Keys;

pub(super) fn command() -> Command {
    group(
        "token",
        "Make tokens for tests, good and bad; say why one is or is not accepted",
        [mint::command(), inspect::command()],
    )
    .after_help(
        "Examples:\n  \
         curl -H \"authorization: Bearer $(cloakroom token mint --as ada@example.com)\" $api/users/me\n  \
         cloakroom token mint --as ada@example.com --expired\n  \
         cloakroom token inspect < token.txt",
    )
}

pub(super) fn run(app: &Arc<App>, matches: &ArgMatches, given: &ArgMatches) -> Result<(), Failure> {
    let context = Context::load(app, matches)?;
    match given.subcommand() {
        Some(("mint", given)) => mint::run(&context, given),
        Some((_, given)) => inspect::run(&context, given),
        None => Ok(()),
    }
}

/// The keys of the server whose configuration this is.
pub(super) async fn open_keys(context: &Context, store: &TrustedStore) -> Result<Keys, Failure> {
    Ok(stored_keys(store, context.config(), &context.clock_and_random).await?)
}
