//! Shared helpers. Each test talks HTTP to a real server on its own port with its own database. Helpers that
//! access the database directly are named `db_…`.

mod application;
mod browser;
mod cluster;
mod external_program;
mod host;
mod http;
mod issuer;
mod mail_server;
mod people;
mod postgres;
mod process;
mod reference;
mod reference_files;
mod server;
mod unfinished;
mod wait;

pub use application::{Application, CALLBACK, VERIFIER, redirect_parameter};
pub use browser::{Browser, check_scripts, form_of};
pub use cluster::Cluster;
pub use external_program::{ExternalProgram, skipped};
pub use http::{Answer, Request, decoded, send_raw};
pub use issuer::{ForeignIssuer, IssuerKey, Reply};
pub use mail_server::{Mail, MailServer};
pub use people::{PASSWORD, Person};
pub use postgres::Postgres;
pub use process::{Process, free_port, run_program};
pub use reference::Reference;
pub use server::{Engine, MAIL_TO_LOG, MASTER_KEY, Server};
pub use wait::{PATIENCE, eventually};

/// Runs each test twice: on SQLite and on PostgreSQL. A test that needs a server with other settings takes
/// the engine instead: `fn name(engine: Engine)`.
macro_rules! on_both_engines {
    ($($(#[$meta:meta])* fn $name:ident($engine:ident: Engine) $body:block)*) => {$(
        $(#[$meta])*
        fn $name($engine: crate::support::Engine) $body

        mod $name {
            use crate::support::{Engine, Postgres};

            #[test]
            fn sqlite() {
                super::$name(Engine::Sqlite);
            }

            #[test]
            fn postgres() {
                if Postgres::is_available() {
                    super::$name(Engine::Postgres);
                }
            }
        }
    )*};
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
                if Postgres::is_available() {
                    super::$name(Server::start(Engine::Postgres));
                }
            }
        }
    )*};
}
pub(crate) use on_both_engines;
