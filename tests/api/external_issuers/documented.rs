//! Configurations of `docs/external-issuers.md`, each with tokens in the format of that issuer.

use serde_json::{Value, json};

use super::{trusting, with};
use crate::support::{Answer, Engine, ForeignIssuer, Server, on_both_engines};

const PAGE: &str = include_str!("../../../docs/external-issuers.md");

/// Returns the issuer's configuration in the section with this title.
fn configured(title: &str) -> Value {
    let section = PAGE.split(&format!("\n## {title}\n")).nth(1).expect("the section");
    let block = section.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    let list: Value = serde_json::from_str(block.expect("its configuration")).expect("JSON");
    list[0].clone()
}

/// Server configured as the page says, except for the issuer's address and signing algorithm.
struct Documented {
    issuer: ForeignIssuer,
    server: Server,
    claims: Value,
    typ: Value,
}

impl Documented {
    /// Starts a server. `claims` are part of every access token of this issuer.
    fn new(engine: Engine, title: &str, claims: Value) -> Self {
        let issuer = ForeignIssuer::start();
        let configured = with(&configured(title), "algorithms", json!(["ES256"]));
        let typ = configured["typ"].clone();
        let server = trusting(engine, &[(&issuer, configured)], &[]);
        let now = server.clock.now().timestamp();
        let times = json!({ "iss": issuer.url, "iat": now, "exp": now + 300 });
        let claims = merged(&times, &claims);
        Self { issuer, server, claims, typ }
    }

    fn get(&self, path: &str, claims: Value) -> Answer {
        // A `typ` of `none` is that of issuers whose tokens have none.
        let header = if self.typ == "none" { json!({}) } else { json!({ "typ": "JWT" }) };
        let token = self.issuer.key.sign(&header, &merged(&self.claims, &claims));
        self.server.get(path).bearer(&token).send()
    }

    /// Checks that a user reads only the own record, and a client reads all.
    #[track_caller]
    fn separates_users_from_clients(&self, user: &Value, client: &Value) {
        let grace = self.server.register("grace").path();
        self.get("/users/me", user.clone()).expect(200);
        self.get("/users/me/profile", user.clone()).expect(200);
        self.get(&grace, user.clone()).expect_problem(403, "not-owner");
        self.get(&grace, client.clone()).expect(200);
        self.get("/users/me", client.clone()).expect_problem(403, "not-owner");
        let admin = self.server.admin();
        let users = self.server.get("/users").bearer(&admin.token).send().expect(200).json();
        assert_eq!(users["items"].as_array().map(Vec::len), Some(3), "a client must get no account");
    }
}

fn merged(one: &Value, other: &Value) -> Value {
    let mut all = one.as_object().expect("claims").clone();
    all.extend(other.as_object().expect("claims").clone());
    all.into()
}

on_both_engines! {
    fn keycloak(engine: Engine) {
        let there = Documented::new(
            engine,
            "Keycloak",
            json!({
                "jti": "onrtac:1", "typ": "Bearer", "azp": "shop", "aud": ["users-api", "account"], "acr": "1",
                "sub": "f1d4c0de-0b5c-4c0e-9d5e-1f2a3b4c5d6e",
            }),
        );
        let user = json!({
            "scope": "openid profile email", "sid": "5f2b0f7e-5a2f-4a49-9a37-2f2f0f3a7d11", "email_verified": true,
            "email": "ada@example.com", "preferred_username": "ada",
            "realm_access": { "roles": ["offline_access", "default-roles-staff"] },
        });
        let client = json!({
            "scope": "profile email", "azp": "reports", "service_account": "true", "client_id": "reports",
            "preferred_username": "service-account-reports", "realm_access": { "roles": ["user-reader"] },
        });
        there.separates_users_from_clients(&user, &client);
        let id_token = merged(&user, &json!({ "typ": "ID", "aud": "shop", "at_hash": "h" }));
        there.get("/users/me", id_token).expect_problem(401, "invalid-token");
        // A user with the role is still a user, with the roles stored here.
        let reader = merged(&user, &json!({ "realm_access": { "roles": ["user-reader"] } }));
        there.get("/users", reader).expect_problem(403, "insufficient-scope");
    }

    fn auth0(engine: Engine) {
        let audience = json!(["https://api.example.org", "https://tenant.eu.auth0.com/userinfo"]);
        let there = Documented::new(engine, "Auth0", json!({ "azp": "shop", "aud": audience }));
        let user = json!({ "sub": "auth0|6553da60a54af58e", "scope": "openid profile", "permissions": [] });
        let client = json!({
            "sub": "reports@clients", "azp": "reports", "aud": "https://api.example.org",
            "gty": "client-credentials", "scope": "read:users", "permissions": ["read:users"],
        });
        there.separates_users_from_clients(&user, &client);
        let id_token = merged(&user, &json!({ "aud": "shop", "nonce": "n" }));
        there.get("/users/me", id_token).expect_problem(401, "invalid-token");
    }

    fn entra_id(engine: Engine) {
        let audience = configured("Entra ID")["audience"].clone();
        let there = Documented::new(
            engine,
            "Entra ID",
            json!({ "aud": audience, "azp": "88888888-2222-3333-4444-555555555555", "ver": "2.0", "uti": "u", "rh": "r" }),
        );
        let user = json!({
            "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "oid": "00000000-0000-0000-66f3-3332eca7ea81",
            "scp": "access_as_user", "name": "Ada", "preferred_username": "ada@example.org", "idtyp": "user",
        });
        let client = json!({
            "sub": "99999999-2222-3333-4444-555555555555", "oid": "99999999-2222-3333-4444-555555555555",
            "azpacr": "1", "idtyp": "app", "roles": ["Users.Read.All"],
        });
        there.separates_users_from_clients(&user, &client);
        // An ID token is for sign-in, not for the API.
        let id_token = merged(&user, &json!({ "azp": null, "nonce": "n" }));
        there.get("/users/me", id_token).expect_problem(401, "invalid-token");
    }

    fn okta(engine: Engine) {
        let there = Documented::new(
            engine,
            "Okta",
            json!({ "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE", "aud": "https://api.example.org" }),
        );
        let user = json!({
            "cid": "0oabskvc6442nkvQO0h7", "uid": "00u5t60iloOHN9pBi0h7", "sub": "ada@example.com",
            "auth_time": 1_799_999_000, "scp": ["openid", "profile"],
        });
        let client = json!({ "cid": "0oaReports", "sub": "0oaReports", "scp": ["read_users"] });
        there.separates_users_from_clients(&user, &client);
        let id_token = json!({
            "sub": "00u5t60iloOHN9pBi0h7", "aud": "0oabskvc6442nkvQO0h7", "amr": ["pwd"], "idp": "00o5t60il", "name": "Ada",
        });
        there.get("/users/me", id_token).expect_problem(401, "invalid-token");
    }

    fn amazon_cognito(engine: Engine) {
        let there = Documented::new(
            engine,
            "Amazon Cognito",
            json!({ "token_use": "access", "version": 2, "jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee" }),
        );
        let user = json!({
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "client_id": "1example23456789", "username": "ada",
            "auth_time": 1_799_999_000, "origin_jti": "o", "event_id": "e", "cognito:groups": ["editors"],
            "scope": "aws.cognito.signin.user.admin openid profile",
        });
        let client = json!({
            "sub": "2example23456789", "client_id": "2example23456789", "scope": "https://api.example.org/users.read",
        });
        there.separates_users_from_clients(&user, &client);
        let id_token = json!({
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "aud": "1example23456789", "token_use": "id",
            "cognito:username": "ada", "email": "ada@example.com", "email_verified": true,
        });
        there.get("/users/me", id_token.clone()).expect_problem(401, "invalid-token");
        let disguised = merged(&id_token, &json!({ "client_id": "1example23456789", "scope": "openid" }));
        there.get("/users/me", disguised).expect_problem(401, "invalid-token");
        let of_another_client = merged(&user, &json!({ "client_id": "3example23456789" }));
        there.get("/users/me", of_another_client).expect_problem(401, "invalid-token");
    }
}

#[test]
fn every_documented_configuration_is_valid() {
    let blocks: Vec<&str> =
        PAGE.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let quoted = PAGE.split("CLOAKROOM_TRUSTED_ISSUERS='").skip(1).filter_map(|rest| rest.split('\'').next());
    let all: Vec<&str> = blocks.into_iter().chain(quoted).collect();
    assert!(all.len() >= 5, "{all:?}");
    for issuers in all {
        assert_eq!(super::settings::faults(&[("CLOAKROOM_TRUSTED_ISSUERS", issuers)]), "", "{issuers}");
    }
}
