//! Users, clients, sessions and their tokens as cloakroom has them, and parcels.

pub mod parcels;

use cloakroom::App;
use cloakroom::store::Migrations;
use diesel_migrations::embed_migrations;

static MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("migrations/sqlite"),
    postgres: embed_migrations!("migrations/postgres"),
};

/// The application: what cloakroom serves, and what is added to it.
pub fn app() -> App {
    App::new("PACKAGE")
        .migrations(&MIGRATIONS)
        .scopes(parcels::SCOPES)
        .endpoints(parcels::endpoints())
}
