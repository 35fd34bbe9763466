//! Every route as every kind of caller, against the running server: cloakroom's own pages are made
//! and held as those of an application built on it. To write the page anew:
//! `UPDATE_GOLDEN=1 cargo test authz_matrix`.

use cloakroom::App;
use cloakroom::testing::Walk;

use crate::notes;
use crate::support::{Engine, Postgres, on_both_engines};

on_both_engines! {
    fn who_may_do_what(engine: Engine) {
        walk(App::default(), engine).run().assert_golden("tests/api/authz_matrix.golden.md");
    }

    fn who_may_do_what_with_notes(engine: Engine) {
        walk(notes::app(), engine).run().assert_golden("tests/api/notes.golden.md");
    }
}

fn walk(app: App, engine: Engine) -> Walk {
    match engine {
        Engine::Sqlite => Walk::of(app),
        Engine::Postgres => Walk::of(app).on(Postgres::new_database()),
    }
}
