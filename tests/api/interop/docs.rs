//! The page `/docs` in a real browser.

use super::browser::{chromium, pictures};
use super::*;

on_both_engines! {
    fn user_logs_in_and_tries_the_api(engine: Engine) {
        if !are_installed(&[&package("playwright-core"), &chromium()]) {
            return;
        }
        let server = Server::start(engine);
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let facts = json!({
            "issuer": server.url,
            "user": { "email": ada.email, "password": PASSWORD },
            "other": bob.id,
            "chromium": chromium(),
            "pictures": pictures(engine),
        });
        run(Path::new("node"), "docs.mjs", &facts);
    }
}
