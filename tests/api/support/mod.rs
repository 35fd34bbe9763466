//! What every test stands on: a real server on a port and a database of its own, spoken to over
//! HTTP. Helpers that touch the database directly are named `db_…`.

mod http;
mod people;
mod postgres;
mod server;

pub use http::{Answer, Request, decoded, send_raw};
pub use people::{PASSWORD, Person};
pub use postgres::Postgres;
pub use server::{Engine, Server};

/// Each test twice: on SQLite and on PostgreSQL.
macro_rules! on_both_engines {
    ($($(#[$meta:meta])* fn $name:ident($server:ident) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, reason = "a test may need nothing but its server")]
            use super::*;

            $(#[$meta])*
            fn run($server: crate::support::Server) $body

            #[test]
            fn sqlite() {
                run(crate::support::Server::start(crate::support::Engine::Sqlite));
            }

            #[test]
            fn postgres() {
                if crate::support::Postgres::is_here() {
                    run(crate::support::Server::start(crate::support::Engine::Postgres));
                }
            }
        }
    )*};
}
pub(crate) use on_both_engines;
