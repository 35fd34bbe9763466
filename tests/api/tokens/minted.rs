//! Tokens that another program mints with the shared secret: for users, who are looked up at every use, and
//! for clients.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Mint, SECRET, mint, with};
use crate::support::{Engine, PASSWORD, on_both_engines};

impl Mint {
    /// Returns a new token for Ada with this scope, one second after the previous event.
    fn later(&self, scope: &str) -> String {
        self.server.clock.advance(TimeDelta::seconds(1));
        self.token(&with(&self.claims(), "scope", json!(scope)))
    }
}

on_both_engines! {
    fn users_token_needs_an_existing_user(engine: Engine) {
        let mint = Mint::new(engine);
        mint.accepts(&mint.token(&mint.claims()));
        mint.accepts(&mint.token(&with(&mint.claims(), "sub", json!(mint.ada.id.to_uppercase()))));
        for nobody in ["01890000-0000-7000-8000-000000000000", "00000000-0000-0000-0000-000000000000"] {
            mint.refuses_claim("sub", json!(nobody));
        }
        mint.refuses(&super::mint(b"another secret of at least 32 bytes", &mint.header(), &mint.claims()));
    }

    fn powers_come_from_stored_roles_not_the_token(engine: Engine) {
        let mint = Mint::new(engine);
        let claims = with(&mint.claims(), "roles", json!(["admin"]));
        let token = mint.token(&with(&claims, "scope", json!("users:read users:create roles:write")));
        mint.accepts(&token);
        let body = json!({ "email": "eve@example.com", "password": PASSWORD, "roles": ["admin"] });
        mint.server.post("/users").bearer(&token).json(&body).send().expect_problem(403, "above-caller");
        assert_eq!(mint.server.get("/users/me").bearer(&token).send().expect(200).json()["roles"], json!(["user"]));
    }

    fn account_changes_revoke_minted_tokens(engine: Engine) {
        let mint = Mint::new(engine);
        let (server, ada) = (&mint.server, &mint.ada);
        let admin = server.admin();
        let put = |token: &str, what: &str, body: Value| {
            server.put(&format!("{}/{what}", ada.path())).bearer(token).json(&body).send()
        };

        let old = mint.later("users:read users:write");
        mint.accepts(&old);
        let new_password = json!({ "current_password": PASSWORD, "new_password": "an even stranger passphrase" });
        put(&ada.token, "password", new_password).expect(204);
        mint.refuses(&old);
        // `iat` has whole seconds: a token of the same second counts as older.
        mint.refuses(&mint.token(&mint.claims()));

        let old = mint.later("users:read");
        mint.accepts(&old);
        put(&admin.token, "roles", json!({ "roles": ["user", "support"] })).expect(200);
        mint.refuses(&old);

        let old = mint.later("users:read");
        mint.accepts(&old);
        put(&admin.token, "status", json!({ "status": "suspended" })).expect(200);
        mint.refuses(&old);
        mint.refuses(&mint.later("users:read"));
        put(&admin.token, "status", json!({ "status": "active" })).expect(200);
        mint.refuses(&old);

        let old = mint.later("users:read users:delete");
        mint.accepts(&old);
        server.delete(&ada.path()).bearer(&old).send().expect(204);
        mint.refuses(&old);
        mint.refuses(&mint.later("users:read"));
        let body = json!({ "email": ada.email, "password": PASSWORD });
        server.post("/users").json(&body).send().expect(201);
        mint.refuses(&old);
    }

    fn equal_subject_and_client_id_is_a_client(engine: Engine) {
        let mint = Mint::new(engine);
        let claims = with(&with(&mint.claims(), "sub", json!("frontend")), "scope", json!("users:read users:read:any"));
        let client = mint.token(&claims);
        let read = mint.server.get(&mint.ada.path()).bearer(&client).send().expect(200);
        assert_eq!(read.json()["id"], mint.ada.id.as_str());
        mint.server.get("/users/me").bearer(&client).send().expect_problem(403, "not-owner");
        mint.refuses(&mint.token(&with(&claims, "client_id", json!("other"))));
        mint.refuses(&mint.token(&with(&claims, "client_id", None)));
    }

    fn client_with_a_users_id_reaches_no_records(engine: Engine) {
        let mint = Mint::new(engine);
        let own = "users:read users:write users:delete profiles:read profiles:write sessions:read sessions:revoke";
        let namesake = with(&with(&mint.claims(), "client_id", json!(mint.ada.id)), "scope", json!(own));
        let token = super::mint(SECRET.as_bytes(), &mint.header(), &namesake);
        for below in ["", "/profile", "/sessions"] {
            for whose in ["/users/me".to_owned(), mint.ada.path()] {
                mint.server.get(&format!("{whose}{below}")).bearer(&token).send().expect_problem(403, "not-owner");
            }
        }
        mint.server.delete(&mint.ada.path()).bearer(&token).send().expect_problem(403, "not-owner");
        mint.server.get("/users/me").bearer(&mint.ada.token).send().expect(200);
        // Ada's own token, with another client id, is still hers.
        mint.accepts(&mint.token(&mint.claims()));
    }
}

#[test]
fn ended_session_revokes_its_minted_tokens() {
    let world = Mint::new(Engine::Sqlite);
    let (_, issued) = crate::support::decoded(&world.ada.token);
    let token =
        mint(SECRET.as_bytes(), &world.header(), &with(&world.claims(), "sid", issued["sid"].clone()));
    world.accepts(&token);
    world.server.delete("/sessions/current").bearer(&world.ada.token).send().expect(204);
    world.refuses(&token);
    world.accepts(&world.token(&world.claims()));
}
