//! A shop built on cloakroom: customers have addresses, an avatar, orders and invoices. Support sees all orders and
//! grants discounts. A placed order is billed by a reaction, and old drafts are deleted by a job.
//!
//! `cargo run --example shop` serves it, with all routes of cloakroom.

#[path = "shop/addresses.rs"]
mod addresses;
#[path = "shop/avatars.rs"]
mod avatars;
#[path = "shop/invoices.rs"]
mod invoices;
#[path = "shop/jobs.rs"]
mod jobs;
#[path = "shop/orders.rs"]
mod orders;

use std::process::ExitCode;

use cloakroom::App;
use cloakroom::domain::Role;
use cloakroom::store::Migrations;
use diesel_migrations::embed_migrations;
use orders::{Order, Place, Warehouse};

static MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("examples/shop/migrations/sqlite"),
    postgres: embed_migrations!("examples/shop/migrations/postgres"),
};

/// Helps customers with their orders.
const SUPPORT: Role = Role::new("support");

/// Cloakroom with a shop.
pub fn app() -> App {
    App::new("shop")
        .migrations(&MIGRATIONS)
        .scopes(orders::SCOPES)
        .scopes(addresses::SCOPES)
        .scopes(avatars::SCOPES)
        .scopes(invoices::SCOPES)
        .role(SUPPORT, &[orders::ORDERS_SUPPORT, invoices::INVOICES_READ_ANY])
        .problems(orders::PROBLEMS)
        .state(Warehouse::with(1_000))
        .endpoints(orders::endpoints())
        .endpoints(addresses::endpoints())
        .endpoints(avatars::endpoints())
        .endpoints(invoices::endpoints())
        .job(jobs::CLEAN_UP, jobs::EVERY_HOUR, jobs::delete_old_drafts)
        .after::<Order, Place>(invoices::BILL, invoices::bill)
}

fn main() -> ExitCode {
    app().run()
}
