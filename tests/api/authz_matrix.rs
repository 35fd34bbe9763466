//! Every route as every kind of caller, against the running server. cloakroom's own page is generated and
//! compared like that of an application. `UPDATE_GOLDEN=1 cargo test authz_matrix` writes it again.

use cloakroom::App;
use cloakroom::testing::Walk;

use crate::notes;
use crate::support::{Engine, Postgres, on_both_engines};

on_both_engines! {
    fn matrix_matches_the_running_server(engine: Engine) {
        walk(App::default(), engine).run().assert_golden("tests/api/authz_matrix.golden.md");
    }

    fn matrix_with_an_application_matches_the_running_server(engine: Engine) {
        walk(notes::app(), engine).run().assert_golden("tests/api/notes.golden.md");
    }
}

/// Returns a walk of a server that sends mail, into its log.
fn walk(app: App, engine: Engine) -> Walk {
    let walk = match engine {
        Engine::Sqlite => Walk::of(app),
        Engine::Postgres => Walk::of(app).on(Postgres::new_database()),
    };
    walk.with("CLOAKROOM_MAIL_URL", "log:").with("CLOAKROOM_MAIL_FROM", "no-reply@example.org")
}
