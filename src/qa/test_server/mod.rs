//! Test server, `serve --test`: in memory, with test accounts, a clock that can be set, and a reset to the start.
//! No other server has these routes or this state.

mod clock;
mod fault;
mod mail;
mod routes;
mod seed_error;
mod seed_file;
mod seeds;
mod server;
mod settings;
mod token;

pub(crate) use fault::with_faults;
pub(crate) use routes::endpoints;
pub(crate) use seed_error::SeedError;
pub(crate) use seeds::{SeedRecord, Seeds};
pub(crate) use server::{Start, TestServer, clock_and_random, hold_database, is_test, start};
#[cfg(feature = "testing")]
pub(crate) use settings::{CHEAP, MASTER_KEY};
pub(crate) use settings::{TestServerError, settings};
