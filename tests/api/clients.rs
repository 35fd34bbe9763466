//! `/clients`: client registrations and the right to change them.

mod narrowed;
mod powers;
mod rules;
mod secrets;

use serde_json::{Value, json};

use crate::support::{Answer, CALLBACK, Server, on_both_engines};

fn register(server: &Server, token: &str, body: &Value) -> Answer {
    server.post("/clients").bearer(token).json(body).send()
}

/// Requests a token with this client secret.
fn ask_token(server: &Server, id: &str, secret: &str) -> Answer {
    server.post("/oauth/token").basic(id, secret).form(&[("grant_type", "client_credentials")]).send()
}

fn secret_of(answer: &Answer) -> String {
    answer.json()["client_secret"].as_str().unwrap_or_else(|| panic!("no secret: {answer:?}")).to_owned()
}

/// Returns the current `ETag` of a client.
fn etag(server: &Server, token: &str, id: &str) -> String {
    server.get(&format!("/clients/{id}")).bearer(token).send().expect(200).etag().to_owned()
}

fn without(mut value: Value, names: &[&str]) -> Value {
    let members = value.as_object_mut().expect("an object");
    members.retain(|name, _| !names.contains(&name.as_str()));
    value
}

on_both_engines! {
    fn registers_reads_changes_and_deletes_a_client(server) {
        let admin = server.admin();
        let body = json!({
            "client_id": "shop", "client_name": "The shop", "scope": "openid users:read email openid",
            "redirect_uris": ["https://shop.example.org/cb", "http://localhost/cb"],
            "post_logout_redirect_uris": ["https://shop.example.org/bye"], "dpop_bound_access_tokens": true,
        });
        let made = register(&server, &admin.token, &body).expect(201);
        assert_eq!(made.header("location"), Some(format!("{}/clients/shop", server.url).as_str()));
        assert_eq!(made.header("cache-control"), Some("no-store"));
        let client = made.json();
        assert_eq!(
            without(client.clone(), &["client_secret", "client_secrets", "created_at", "updated_at", "_actions"]),
            json!({
                "client_id": "shop", "client_name": "The shop", "scope": "email openid users:read",
                "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "client_secret_basic",
                "redirect_uris": ["https://shop.example.org/cb", "http://localhost/cb"],
                "post_logout_redirect_uris": ["https://shop.example.org/bye"], "jwks": null, "dpop_bound_access_tokens": true, "resources": [], "first_party": false, "userinfo_in_id_token": true,
            })
        );
        assert_eq!(client["client_secrets"], json!([{ "created_at": client["created_at"], "expires_at": null }]));
        let actions: Vec<&String> = client["_actions"].as_object().unwrap().keys().collect();
        assert_eq!(actions, ["delete", "read", "rotate_secret", "update"]);

        let read = server.get("/clients/shop").bearer(&admin.token).send().expect(200);
        assert_eq!((read.etag(), read.json()), (made.etag(), without(client, &["client_secret"])));
        server.get("/clients/shop").bearer(&admin.token).header("if-none-match", made.etag()).send().expect(304);

        let patch = json!({ "client_name": null, "scope": "openid", "dpop_bound_access_tokens": false, "post_logout_redirect_uris": [] });
        let patched = server.patch("/clients/shop").bearer(&admin.token).if_match(made.etag()).json(&patch).send().expect(200);
        let changed = patched.json();
        assert_eq!((&changed["client_name"], &changed["scope"]), (&Value::Null, &json!("openid")));
        assert_eq!((&changed["dpop_bound_access_tokens"], &changed["post_logout_redirect_uris"]), (&json!(false), &json!([])));
        assert_eq!(changed["redirect_uris"], json!(["https://shop.example.org/cb", "http://localhost/cb"]));
        assert_eq!(server.get("/clients/shop").bearer(&admin.token).send().expect(200).json(), changed);

        server.delete("/clients/shop").bearer(&admin.token).if_match(made.etag()).send().expect_problem(412, "precondition-failed");
        server.delete("/clients/shop").bearer(&admin.token).if_match(patched.etag()).send().expect(204);
        for gone in [server.get("/clients/shop"), server.delete("/clients/shop"), server.post("/clients/shop/secret")] {
            gone.bearer(&admin.token).send().expect_problem(404, "not-found");
        }
    }

    fn generates_a_client_id_and_refuses_a_taken_one(server) {
        let admin = server.admin();
        let made = register(&server, &admin.token, &json!({ "scope": "users:read:any" })).expect(201);
        let id = made.json()["client_id"].as_str().unwrap().to_owned();
        assert!(id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert_eq!(made.json()["grant_types"], json!(["client_credentials"]));
        ask_token(&server, &id, &secret_of(&made)).expect(200);
        let again = json!({ "client_id": id, "scope": "users:read" });
        let taken = register(&server, &admin.token, &again).expect_problem(409, "taken");
        assert_eq!(taken.broken_rules(), [("/client_id".to_owned(), "taken".to_owned())]);
        ask_token(&server, &id, &secret_of(&made)).expect(200);
    }

    fn a_client_of_another_system_keeps_its_uuid(server) {
        let (admin, id) = (server.admin(), "3f2504e0-4f89-41d3-9a0c-0305e82c3301");
        let chosen = register(&server, &admin.token, &json!({ "client_id": id, "scope": "users:read" }));
        assert_eq!(chosen.expect_problem(422, "invalid-body").broken_rules(), [("/client_id".to_owned(), "invalid-id".to_owned())]);
        let create = |option: &str, id: &str| {
            ["clients", "create", option, id, "--scope", "users:read users:read:any", "--json"].map(str::to_owned)
        };
        let imported = create("--imported-id", id);
        let made: Value = serde_json::from_str(&server.operator(&imported.each_ref().map(String::as_str))).unwrap();
        let token = ask_token(&server, id, made["client_secret"].as_str().unwrap()).expect(200).json();
        let token = token["access_token"].as_str().unwrap();
        server.get("/users").bearer(token).send().expect(200);
        server.get("/users/me").bearer(token).send().expect_problem(403, "not-owner");
        server.get(&format!("/users/{id}")).bearer(token).send().expect_problem(404, "not-found");
        assert_eq!(server.get(&format!("/clients/{id}")).bearer(&admin.token).send().expect(200).json()["client_id"], id);
        for (option, wrong) in [
            ("--imported-id", admin.id.as_str()),
            ("--imported-id", "019ab1f7-2b11-7c90-8a4f-d3e5f7091b2c"),
            ("--imported-id", "3F2504E0-4F89-41D3-9A0C-0305E82C3301"),
            ("--imported-id", "3f2504e04f8941d39a0c0305e82c3301"),
            ("--imported-id", "cloakroom"),
            ("--imported-id", "cloakroom-docs"),
            ("--imported-id", id),
            ("--id", "9f2504e0-4f89-41d3-9a0c-0305e82c3302"),
        ] {
            let refused = server.operator_refused(&create(option, wrong).each_ref().map(String::as_str));
            assert!(refused.contains("error: "), "{option} {wrong}: {refused}");
        }
    }

    fn lists_clients_in_pages_in_stable_order(server) {
        let admin = server.admin();
        for id in ["a", "B", "c", "Z", "1", "a-b", "a.b", "_"] {
            register(&server, &admin.token, &json!({ "client_id": id, "scope": "users:read" })).expect(201);
        }
        let page = |query: &str| server.get(&format!("/clients?{query}")).bearer(&admin.token).send();
        let ids = |page: &Value| -> Vec<String> {
            page["items"].as_array().unwrap().iter().map(|client| client["client_id"].as_str().unwrap().to_owned()).collect()
        };
        let mut all = Vec::new();
        let mut query = "limit=3".to_owned();
        loop {
            let answer = page(&query).expect(200);
            all.extend(ids(&answer.json()));
            let Some(next) = answer.json()["next"].as_str().map(str::to_owned) else { break };
            assert!(answer.header("link").unwrap().ends_with(">; rel=\"next\""));
            query = format!("limit=3&cursor={next}");
        }
        assert_eq!(all, ["1", "B", "Z", "_", "a", "a-b", "a.b", "c", "cloakroom-docs"]);
        let whole = page("").expect(200).json();
        assert_eq!((ids(&whole), &whole["next"]), (all, &Value::Null));
        assert_eq!(whole["items"][0]["client_secrets"].as_array().unwrap().len(), 1);
        assert!(!whole.to_string().contains("client_secret\""));

        let users = server.get("/users?limit=1").bearer(&admin.token).send().expect(200).json();
        server.register("bob");
        let foreign = server.get("/users?limit=1").bearer(&admin.token).send().json()["next"].as_str().unwrap().to_owned();
        assert_eq!(users["next"], Value::Null);
        for cursor in [foreign.as_str(), "bm9uc2Vuc2U", "'%20OR%201=1"] {
            page(&format!("cursor={cursor}")).expect_problem(400, "invalid-cursor");
        }
        for query in ["limit=0", "limit=201", "cursor=", "sort=id", "q=a"] {
            page(query).expect_problem(400, "invalid-query");
        }
    }

    fn one_of_many_changes_of_a_version_succeeds(server) {
        let admin = server.admin();
        let made = register(&server, &admin.token, &json!({ "client_id": "shop", "scope": "users:read" })).expect(201);
        let patch = |name: usize| json!({ "client_name": format!("name {name}") });
        server.patch("/clients/shop").bearer(&admin.token).json(&patch(0)).send().expect_problem(428, "precondition-required");
        let (tag, server, token) = (made.etag(), &server, admin.token.as_str());
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let tries: Vec<_> = (1..=12)
                .map(|name| scope.spawn(move || server.patch("/clients/shop").bearer(token).if_match(tag).json(&patch(name)).send()))
                .collect();
            tries.into_iter().map(|tried| tried.join().unwrap()).collect()
        });
        let done: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(done.len(), 1, "{answers:?}");
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 412)), "{answers:?}");
        assert_eq!(server.get("/clients/shop").bearer(token).send().json(), done[0].json());
    }

    fn deleted_clients_tokens_stay_revoked_when_its_id_returns(server) {
        let admin = server.admin();
        let body = json!({ "client_id": "reports", "scope": "users:read:any" });
        let secret = secret_of(&register(&server, &admin.token, &body).expect(201));
        let token = ask_token(&server, "reports", &secret).expect(200).json()["access_token"].as_str().unwrap().to_owned();
        server.get("/users").bearer(&token).send().expect(200);
        server.delete("/clients/reports").bearer(&admin.token).send().expect(204);
        server.get("/users").bearer(&token).send().expect_problem(401, "invalid-token");
        let again = register(&server, &admin.token, &body).expect(201);
        server.get("/users").bearer(&token).send().expect_problem(401, "invalid-token");
        ask_token(&server, "reports", &secret).expect(401);
        ask_token(&server, "reports", &secret_of(&again)).expect(200);
    }
}
