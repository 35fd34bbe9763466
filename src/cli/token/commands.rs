//! The commands of `cloakroom token`.

use std::sync::Arc;

use clap::{ArgMatches, Command};

use super::super::arguments::group;
use super::super::context::Context;
use super::super::output::Failure;
use super::{inspect, mint};
use crate::app::App;

pub(crate) fn command() -> Command {
    group(
        "token",
        "Create valid and invalid tokens for tests; explain why a token is or is not accepted",
        [mint::command(), inspect::command()],
    )
    .after_help(
        "Examples:\n  \
         curl -H \"authorization: Bearer $(cloakroom token mint --as ada@example.com)\" $api/users/me\n  \
         cloakroom token mint --as ada@example.com --expired\n  \
         cloakroom token inspect < token.txt",
    )
}

pub(crate) fn run(app: &Arc<App>, matches: &ArgMatches, given: &ArgMatches) -> Result<(), Failure> {
    let context = Context::load(app, matches)?;
    match given.subcommand() {
        Some(("mint", given)) => mint::run(&context, given),
        Some((_, given)) => inspect::run(&context, given),
        None => Ok(()),
    }
}
