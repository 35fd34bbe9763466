//! Scopes, roles, permissions and clients of external issuers.

use serde_json::{Value, json};

use super::{Trust, claims, header, trusting, with};
use crate::support::{ForeignIssuer, eventually, on_both_engines};

/// Checks the status when a client with these claims reads another user's record.
#[track_caller]
fn reads(trust: &Trust, claims: &Value, status: u16) {
    let grace = trust.server.register("grace");
    let answer = trust.server.get(&grace.path()).bearer(&trust.token(claims)).send();
    assert_eq!(answer.status, status, "{claims}: {answer:?}");
}

on_both_engines! {
    fn client_gets_the_mapped_scopes(engine: Engine) {
        let trust = Trust::with(engine, &json!({ "scopes": { "read-all": "users:read:any" } }));
        reads(&trust, &with(&trust.client_claims(), "scope", json!("read-all")), 200);
        trust.server.get("/users/me").bearer(&trust.token(&with(&trust.client_claims(), "scope", json!("read-all users:read"))))
            .send().expect_problem(403, "not-owner");
    }
}

#[test]
fn powers_need_an_entry_in_the_map() {
    let engine = crate::support::Engine::Sqlite;
    let asks = |trust: &Trust| with(&trust.client_claims(), "scope", json!("users:read:any roles:write"));
    let silent = Trust::with(engine, &json!({}));
    reads(&silent, &asks(&silent), 403);
    let listed = Trust::with(engine, &json!({ "scopes": { "users:read:any": "users:read:any" } }));
    reads(&listed, &asks(&listed), 200);
    let nothing = Trust::with(engine, &json!({ "provision": "jit", "scopes": { "users:read": [] } }));
    nothing.me(&nothing.claims()).expect_problem(403, "insufficient-scope");
}

#[test]
fn scopes_come_from_the_configured_claims() {
    let engine = crate::support::Engine::Sqlite;
    let any = json!({ "read-all": ["users:read:any"] });
    for (named, claim) in [
        (json!("scp"), json!({ "scp": "x read-all" })),
        (json!("permissions"), json!({ "permissions": ["x", "read-all"] })),
        (json!("realm_access.roles"), json!({ "realm_access": { "roles": ["read-all"] } })),
        (json!("https://shop.example/roles"), json!({ "https://shop.example/roles": ["read-all"] })),
        (json!(["scp", "roles"]), json!({ "roles": ["read-all"] })),
    ] {
        let trust = Trust::with(engine, &json!({ "scope_claim": named, "scopes": any }));
        let mut claims = with(&trust.client_claims(), "scope", json!("read-all"));
        reads(&trust, &claims, 403);
        claims.as_object_mut().unwrap().extend(claim.as_object().unwrap().clone());
        let grace = "/users/01890000-0000-7000-8000-000000000000";
        trust.server.get(grace).bearer(&trust.token(&claims)).send().expect_problem(404, "not-found");
    }
    let trust = Trust::new(engine);
    for wrong in [json!(1), json!({}), json!(["users:read", 1]), json!(null)] {
        trust.refuses(&with(&trust.claims(), "scope", wrong));
    }
    trust.me(&with(&trust.claims(), "scope", None)).expect_problem(403, "insufficient-scope");
}

#[test]
fn ignores_claims_with_meaning_in_our_tokens_only() {
    let trust = Trust::new(crate::support::Engine::Sqlite);
    let admin = trust.server.admin();
    let mut claims = with(&trust.claims(), "roles", json!(["admin"]));
    for (name, value) in [
        ("epoch", json!(99)),
        ("client_epoch", json!(1)),
        ("sid", json!("no UUID")),
        ("scope", json!("users:read:any users:read")),
    ] {
        claims = with(&claims, name, value);
    }
    assert_eq!(trust.accepts(&claims).json()["roles"], json!(["user"]));
    trust.server.get(&admin.path()).bearer(&trust.token(&claims)).send().expect_problem(403, "not-owner");
    // A subject that equals the id of a local user does not identify that user.
    let claims = with(&trust.claims(), "sub", json!(admin.id));
    assert_ne!(trust.accepts(&claims).json()["id"], json!(admin.id));
}

#[test]
fn configuration_distinguishes_clients_from_users() {
    let engine = crate::support::Engine::Sqlite;
    let any = json!({ "read-all": "users:read:any" });
    let told = json!({ "claim": "gty", "value": "client-credentials" });
    let trust = Trust::with(
        engine,
        &json!({
            "scopes": any, "client_token": told, "client_id_claim": "azp", "provision": "jit",
        }),
    );
    let claims = with(&with(&trust.claims(), "azp", json!("web-shop")), "client_id", None);
    let own = with(&with(&claims, "sub", json!("web-shop@clients")), "scope", json!("read-all"));
    reads(&trust, &with(&own, "gty", json!("client-credentials")), 200);
    trust
        .server
        .get("/users/me")
        .bearer(&trust.token(&with(&own, "gty", json!("password"))))
        .send()
        .expect_problem(403, "insufficient-scope");
    // The token has no sign of a client, and its subject is not a user's.
    trust.refuses(&with(&claims, "sub", json!("web-shop")));
    // A token without a client id was not made for this API.
    trust.refuses(&with(&claims, "azp", None));
    trust.refuses(&with(&claims, "azp", json!(["web-shop"])));

    let present = Trust::with(
        engine,
        &json!({
            "scopes": any, "client_token": { "claim": "client_id" }, "client_id_claim": "azp",
        }),
    );
    let own = with(&with(&present.claims(), "azp", json!("web-shop")), "scope", json!("read-all"));
    reads(&present, &own, 200);
    present.refuses(&with(&own, "client_id", None));
}

#[test]
fn external_client_is_not_the_local_namesake() {
    let one = ForeignIssuer::start();
    let members = json!({ "scopes": { "read-all": "users:read:any" } });
    let server = trusting(crate::support::Engine::Sqlite, &[(&one, members)], &[]);
    let ours = server.client_token("web-shop", "users:read:any");
    let theirs = with(&with(&claims(&one, &server), "sub", json!("web-shop")), "scope", json!("read-all"));
    let theirs = one.key.sign(&header(), &theirs);
    let grace = server.register("grace");
    for token in [&ours, &theirs] {
        server.get(&grace.path()).bearer(token).send().expect(200);
    }
    // Deleting the local client does not affect the external one, and the trail distinguishes them.
    server.operator(&["clients", "delete", "web-shop"]);
    eventually("the token is refused", || server.get(&grace.path()).bearer(&ours).send().status == 401);
    server.get(&grace.path()).bearer(&ours).send().expect_problem(401, "invalid-token");
    server.get(&grace.path()).bearer(&theirs).send().expect(200);
    let trail = server.get(&format!("{}/audit", grace.path())).bearer(&grace.token);
    let trail = trail.send().expect(200).body;
    assert!(
        trail.contains("\"client:web-shop\"") && trail.contains(&format!("client:{}#web-shop", one.url)),
        "{trail}"
    );
}
