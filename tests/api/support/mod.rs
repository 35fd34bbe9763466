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
        $(#[$meta])*
        fn $name($server: crate::support::Server) $body

        mod $name {
            use crate::support::{Engine, Postgres, Server};

            #[test]
            fn sqlite() {
                super::$name(Server::start(Engine::Sqlite));
            }

            #[test]
            fn postgres() {
                if Postgres::is_here() {
                    super::$name(Server::start(Engine::Postgres));
                }
            }
        }
    )*};
}
pub(crate) use on_both_engines;
