//! Every route as every kind of caller, against the running server. cloakroom's own page is generated and
//! compared like that of an application. `UPDATE_GOLDEN=1 cargo test authz_matrix` writes it again.

use cloakroom::App;
use cloakroom::testing::Walk;

use crate::support::{Engine, Postgres, on_both_engines};
use crate::{notes, shop};

/// Routes that let in no caller of the walk: a form needs its page's cookie, a client its secret, and a link its token.
const CLOSED: &[&str] = &[
    "POST /users/{id}/invitation",
    "POST /sessions/current/authentication",
    "POST /oauth/token",
    "POST /oauth/revoke",
    "POST /oauth/introspect",
    "GET /oauth/authorize",
    "POST /oauth/login",
    "POST /oauth/sign-up",
    "POST /oauth/consent",
    "POST /oauth/forgot-password",
    "POST /oauth/reset-password",
    "POST /oauth/accept-invitation",
    "POST /oauth/verify-email",
    "POST /oauth/undo-email-change",
    "POST /oauth/confirm-logout",
    "POST /password-resets/redeem",
    "POST /invitations/redeem",
    "POST /email-verifications/redeem",
    "POST /email-changes/undo",
];

on_both_engines! {
    fn matrix_matches_the_running_server(engine: Engine) {
        let walk = CLOSED.iter().fold(walk(App::default(), engine), |walk, route| walk.waive(route));
        walk.run().assert_golden("tests/api/authz_matrix.golden.md");
    }

    fn matrix_with_an_application_matches_the_running_server(engine: Engine) {
        walk(notes::app(), engine).run().assert_golden("tests/api/notes.golden.md");
    }

    fn matrix_with_the_shop_matches_the_running_server(engine: Engine) {
        // A reaction alone makes an invoice.
        let walk = walk(shop::app(), engine).waive("GET /invoices/{id}");
        walk.run().assert_golden("tests/api/shop.golden.md");
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
