//! Every route as every kind of caller, against the running server: cloakroom's own pages are made
//! and held as those of an application built on it. To write the page anew:
//! `UPDATE_GOLDEN=1 cargo test authz_matrix`.

use cloakroom::App;
use cloakroom::testing::Walk;

use crate::support::{Engine, Postgres, on_both_engines};

on_both_engines! {
    fn who_may_do_what(engine: Engine) {
        let walk = match engine {
            Engine::Sqlite => Walk::of(App::default()),
            Engine::Postgres => Walk::of(App::default()).on(Postgres::new_database()),
        };
        walk.run().assert_golden("tests/api/authz_matrix.golden.md");
    }
}
