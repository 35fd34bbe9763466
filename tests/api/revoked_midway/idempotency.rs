//! A stored answer is not given to a caller whose powers are gone.

use serde_json::json;

use super::actors::{METRICS, expect_as_fresh};
use crate::support::{Request, Server, on_both_engines};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

fn new_client(server: &Server, token: &str) -> Request {
    let body = json!({ "client_id": "reports", "scope": "users:read:any" });
    server.post("/clients").bearer(token).header("idempotency-key", KEY).json(&body)
}

on_both_engines! {
    fn a_revoked_caller_gets_no_stored_answer(engine: Engine) {
        let server = Server::start_with(engine, METRICS);
        let admin = server.admin();
        new_client(&server, &admin.token).send().expect(201);
        let begun = server.begin(&new_client(&server, &admin.token));
        server.delete("/sessions/current").bearer(&admin.token).send().expect(204);
        let answer = expect_as_fresh(&server, &admin.token, begun.finish());
        assert!(!answer.body.contains("client_secret"));
    }

    fn a_demoted_caller_gets_no_answer_of_its_former_powers(engine: Engine) {
        let server = Server::start_with(engine, METRICS);
        let (admin, actor) = (server.admin(), server.person_with_roles("actor", &["admin", "user"]));
        let create = |token: &str| {
            let body = json!({ "email": "puppet@example.com", "password": crate::support::PASSWORD });
            server.post("/users").bearer(token).header("idempotency-key", KEY).json(&body).send()
        };
        create(&actor.token).expect(201);
        let roles = server.put(&format!("{}/roles", actor.path())).bearer(&admin.token);
        roles.json(&json!({ "roles": ["user"] })).send().expect(200);
        let again = create(&server.log_in(&actor.email));
        let again = again.expect_problem(422, "idempotency-key-reused");
        assert!(!again.body.contains("puppet@example.com"));
    }
}
