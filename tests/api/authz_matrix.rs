//! Every route as every kind of caller, against the running server. cloakroom's own page is generated and
//! compared like that of an application. `UPDATE_GOLDEN=1 cargo test authz_matrix` writes it again.

use cloakroom::App;
use cloakroom::testing::Walk;

use crate::notes;
use crate::support::{Engine, Postgres, on_both_engines};

/// The application below has every route of cloakroom too, and is walked on both engines.
#[test]
fn matrix_matches_the_running_server() {
    Walk::of(App::default()).run().assert_golden("tests/api/authz_matrix.golden.md");
}

on_both_engines! {
    fn matrix_with_an_application_matches_the_running_server(engine: Engine) {
        let walk = match engine {
            Engine::Sqlite => Walk::of(notes::app()),
            Engine::Postgres => Walk::of(notes::app()).on(Postgres::new_database()),
        };
        walk.run().assert_golden("tests/api/notes.golden.md");
    }
}
