//! Tokens of external issuers at the endpoints of our own authorization server, and with the authorization
//! schemes that only our tokens can use.

use serde_json::json;

use super::{Trust, with};
use crate::support::on_both_engines;

on_both_engines! {
    fn external_token_is_neither_introspected_nor_revoked(engine: Engine) {
        let trust = Trust::with(engine, &json!({ "provision": "jit", "scopes": { "read-all": "users:read:any" } }));
        let (server, ada) = (&trust.server, trust.server.register("ada"));
        // A local client with the same id as the audience client of the external tokens.
        let app = server.application("web-shop", "openid users:read");
        let ours = app.tokens(server, &ada, &[]);
        let (_, own) = crate::support::decoded(ours["access_token"].as_str().unwrap());
        // Equal `jti` and `sid` of a local token do not help.
        let of_user = with(&with(&trust.claims(), "jti", own["jti"].clone()), "sid", own["sid"].clone());
        let of_client = with(&trust.client_claims(), "scope", json!("read-all"));
        for claims in [&of_user, &of_client] {
            let token = trust.token(claims);
            let call = || server.get(&ada.path()).bearer(&token).send();
            let before = call().status;
            let told = app.post(server, "/oauth/introspect", &[("token", &token)]).expect(200).json();
            assert_eq!(told, json!({ "active": false }));
            app.post(server, "/oauth/revoke", &[("token", &token)]).expect(200);
            assert_eq!((before, call().status), (before, before));
            assert_ne!(before, 401);
        }
        // An external token neither ends a local session nor ends with one.
        let token = trust.token(&of_user);
        server.delete("/sessions/current").bearer(&token).send().expect(204);
        server.get("/users/me").bearer(ours["access_token"].as_str().unwrap()).send().expect(200);
        app.post(server, "/oauth/revoke", &[("token", ours["access_token"].as_str().unwrap())]).expect(200);
        server.get("/users/me").bearer(ours["access_token"].as_str().unwrap()).send().expect(401);
        server.get("/users/me").bearer(&token).send().expect(200);
    }

    fn userinfo_returns_the_local_subject(engine: Engine) {
        let trust = Trust::new(engine);
        let claims = with(&trust.claims(), "scope", json!("openid email users:read"));
        let id = trust.accepts(&claims).json()["id"].clone();
        let told = trust.server.get("/oauth/userinfo").bearer(&trust.token(&claims)).send().expect(200).json();
        assert_eq!(told["sub"], id);
        let silent = with(&trust.claims(), "scope", json!("users:read"));
        let told = trust.server.get("/oauth/userinfo").bearer(&trust.token(&silent)).send().expect(403);
        assert!(told.header("www-authenticate").unwrap().contains("error=\"insufficient_scope\""));
        // A client is not a user.
        trust.server.get("/oauth/userinfo").bearer(&trust.token(&trust.client_claims())).send().expect(403);
    }
}

#[test]
fn refuses_dpop_and_bound_external_tokens() {
    let trust = Trust::new(crate::support::Engine::Sqlite);
    let dpop =
        |token: &str| trust.server.get("/users/me").header("authorization", &format!("DPoP {token}")).send();
    dpop(&trust.token(&trust.claims())).expect_problem(401, "invalid-token");
    let key = json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" });
    let certificate = json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" });
    for cnf in [key, certificate, json!({}), json!(null)] {
        let bound = with(&trust.claims(), "cnf", cnf);
        dpop(&trust.token(&bound)).expect_problem(401, "invalid-token");
        trust.refuses(&bound);
    }
}
