//! How long a token lives: until it expires or is ended, over a restart, whether it was seen
//! before or not.

use chrono::TimeDelta;
use serde_json::json;

use super::refuses;
use crate::support::{PASSWORD, Server, on_both_engines};

on_both_engines! {
    fn a_token_dies_when_its_time_and_the_leeway_are_over(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[("CLOAKROOM_ACCESS_TOKEN_TTL", "1m")]);
        let (ada, grace) = (server.register("ada"), server.register("grace"));
        let client = server.client_token("reports", "users:read:any");
        // Ada's is verified before, and kept; Grace's comes for the first time when it is too late.
        server.get("/users/me").bearer(&ada.token).send().expect(200);
        server.clock.advance(TimeDelta::seconds(64));
        server.get("/users/me").bearer(&ada.token).send().expect(200);
        server.get("/users").bearer(&client).send().expect(200);
        server.clock.advance(TimeDelta::seconds(1));
        for token in [&ada.token, &grace.token, &client, &ada.token] {
            refuses(&server, token);
        }
        let again = server.log_in(&ada.email);
        server.get("/users/me").bearer(&again).send().expect(200);
        refuses(&server, &ada.token);
    }

    fn a_token_outlives_a_restart_and_so_does_its_end(engine: Engine) {
        let server = Server::start(engine);
        let admin = server.admin();
        let [ada, grace, joan, mary, edith] = ["ada", "grace", "joan", "mary", "edith"].map(|name| server.register(name));
        let client = server.client_token("reports", "users:read:any");
        let end = |answer: crate::support::Answer| assert!(matches!(answer.status, 200 | 204), "{answer:?}");
        end(server.delete("/sessions/current").bearer(&grace.token).send());
        end(server.delete(&joan.path()).bearer(&joan.token).send());
        end(server.put(&format!("{}/status", mary.path())).bearer(&admin.token).json(&json!({ "status": "suspended" })).send());
        end(server.put(&format!("{}/roles", edith.path())).bearer(&admin.token).json(&json!({ "roles": ["support"] })).send());

        let jwks = server.get("/.well-known/jwks.json").send().body;
        let server = server.restart();
        assert_eq!(server.get("/.well-known/jwks.json").send().body, jwks);
        let me = server.get("/users/me").bearer(&ada.token).send().expect(200);
        assert_eq!(me.json()["id"], ada.id.as_str());
        server.get("/users").bearer(&client).send().expect(200);
        for ended in [&grace, &joan, &mary, &edith] {
            refuses(&server, &ended.token);
        }
        let edith = server.log_in(&edith.email);
        server.get("/users").bearer(&edith).send().expect(200);
    }

    fn a_deleted_users_token_is_dead_even_when_the_address_registers_again(engine: Engine) {
        let server = Server::start(engine);
        let ada = server.register("ada");
        server.get("/users/me").bearer(&ada.token).send().expect(200);
        server.delete("/users/me").bearer(&ada.token).send().expect(204);
        refuses(&server, &ada.token);
        let again = server.register("ada");
        assert_ne!(again.id, ada.id);
        refuses(&server, &ada.token);
        server.get("/users/me").bearer(&again.token).send().expect(200);
    }

    fn a_changed_password_ends_every_token_but_the_one_that_changed_it(engine: Engine) {
        let server = Server::start(engine);
        let ada = server.register("ada");
        let elsewhere = server.log_in(&ada.email);
        let body = json!({ "current_password": PASSWORD, "new_password": "an even stranger passphrase" });
        server.put("/users/me/password").bearer(&ada.token).json(&body).send().expect(204);
        refuses(&server, &elsewhere);
        server.get("/users/me").bearer(&ada.token).send().expect(200);
        let server = server.restart();
        refuses(&server, &elsewhere);
        server.get("/users/me").bearer(&ada.token).send().expect(200);
    }
}
