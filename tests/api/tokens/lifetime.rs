//! Lifetime of a token: until it expires or is revoked, across restarts, whether cached or not.

use chrono::TimeDelta;
use serde_json::json;

use super::refuses;
use crate::support::{PASSWORD, Server, on_both_engines};

on_both_engines! {
    fn token_expires_after_its_lifetime_and_leeway(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[("CLOAKROOM_ACCESS_TOKEN_TTL", "1m")]);
        let (ada, grace) = (server.register("ada"), server.register("grace"));
        let client = server.client_token("reports", "users:read:any");
        // Ada's token is verified and cached before; Grace's is first used after it has expired.
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

    fn refusal_says_whether_to_renew_or_to_sign_in(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[("CLOAKROOM_ACCESS_TOKEN_TTL", "10m")]);
        let admin = server.admin();
        let [ada, grace, joan, mary, edith] = ["ada", "grace", "joan", "mary", "edith"].map(|name| server.register(name));
        let put = |path: String, body: serde_json::Value| server.put(&path).bearer(&admin.token).json(&body).send().expect(200);
        server.delete("/sessions/current").bearer(&grace.token).send().expect(204);
        put(format!("{}/status", joan.path()), json!({ "status": "suspended" }));
        put(format!("{}/roles", mary.path()), json!({ "roles": ["support"] }));
        server.delete(&edith.path()).bearer(&edith.token).send().expect(204);
        let reason = |token: &str| {
            let refused = server.get("/users/me").bearer(token).send().expect_problem(401, "invalid-token");
            assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer error=\"invalid_token\""));
            refused.json()["reason"].as_str().unwrap().to_owned()
        };
        let (signed, signature) = ada.token.rsplit_once('.').unwrap();
        let tampered = format!("{signed}.{}", signature.chars().rev().collect::<String>());
        assert_eq!([&grace, &joan, &mary, &edith].map(|person| reason(&person.token)), ["revoked"; 4]);
        assert_eq!([reason(&tampered), reason("junk")], ["invalid", "invalid"]);
        server.clock.advance(TimeDelta::minutes(11));
        // Without the right signature, nobody learns that a token has expired.
        assert_eq!([reason(&ada.token), reason(&tampered)], ["expired", "invalid"]);
        assert_eq!(server.get("/users/me").send().expect(401).json().get("reason"), None);
    }

    fn tokens_and_revocations_survive_a_restart(engine: Engine) {
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

    fn deleted_users_token_stays_revoked_after_a_new_registration(engine: Engine) {
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

    fn password_change_revokes_all_other_tokens(engine: Engine) {
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
