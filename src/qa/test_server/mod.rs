//! Test server, `serve --test`: in memory, with test accounts, a clock that can be set, and a reset to the start.
//! No other server has these routes or this state.

mod mail;
mod routes;
mod seeds;
mod server;
mod token;

pub(crate) use routes::endpoints;
#[cfg(feature = "testing")]
pub(crate) use server::{CHEAP, MASTER_KEY};
pub(crate) use server::{
    TestServer, TestServerError, clock_and_random, hold_database, is_test, settings, start,
};
