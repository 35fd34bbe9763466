//! An account that gets a power between the head of a request about it and the body.

use serde_json::{Value, json};

use super::actors::METRICS;
use crate::support::{Engine, Person, Request, Server, on_both_engines};

fn refused_after_promotion(engine: Engine, ask: impl Fn(&Server, &Person, &str) -> Request) {
    let server = Server::start_with(engine, METRICS);
    let (admin, ada) = (server.admin(), server.register("ada"));
    let desk = server.client_token("desk", "users:write:any profiles:write:any sessions:revoke:any");
    let profile = || -> Value {
        let answer = server.get(&format!("{}/profile", ada.path())).bearer(&admin.token).send();
        answer.expect(200).json()
    };
    let before = profile();
    let begun = server.begin(&ask(&server, &ada, &desk));
    let roles = server.put(&format!("{}/roles", ada.path())).bearer(&admin.token);
    roles.json(&json!({ "roles": ["admin", "user"] })).send().expect(200);
    begun.finish().expect_problem(409, "changed-meanwhile");
    assert_eq!(profile(), before);
    server.log_in(&ada.email);
    ask(&server, &ada, &desk).send().expect_problem(403, "above-caller");
}

on_both_engines! {
    fn profile_of_a_new_administrator_is_not_written(engine: Engine) {
        refused_after_promotion(engine, |server, ada, desk| {
            let profile = server.patch(&format!("{}/profile", ada.path())).bearer(desk);
            profile.json(&json!({ "name": "Mallory" }))
        });
    }

    fn password_of_a_new_administrator_is_not_set(engine: Engine) {
        refused_after_promotion(engine, |server, ada, desk| {
            let password = server.put(&format!("{}/password", ada.path())).bearer(desk);
            password.json(&json!({ "new_password": "an even stranger passphrase" }))
        });
    }
}
