//! Users, clients, sessions and their tokens as cloakroom has them, and entries.

pub mod entries;

use cloakroom::App;
use cloakroom::store::Migrations;
use diesel_migrations::embed_migrations;

static MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("migrations/sqlite"),
    postgres: embed_migrations!("migrations/postgres"),
};

/// The application: what cloakroom serves, and what is added to it.
pub fn app() -> App {
    App::new("entries")
        .migrations(&MIGRATIONS)
        .scopes(entries::SCOPES)
        .endpoints(entries::endpoints())
}
