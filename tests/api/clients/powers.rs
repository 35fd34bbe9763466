//! Scopes of `/clients`, and the rank of a client: no caller gets more powers than it has.

use super::*;

on_both_engines! {
    fn each_route_needs_its_scope(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        let support = server.person_with_roles("support", &["support"]);
        let reader = server.client_token("reader", "clients:read");
        register(&server, &admin.token, &json!({ "client_id": "shop", "scope": "users:read" })).expect(201);
        let body = json!({ "scope": "users:read" });
        for token in [&ada.token, &support.token] {
            for asked in [server.get("/clients"), server.get("/clients/shop"), server.get("/clients/nobody")] {
                asked.bearer(token).send().expect_problem(403, "insufficient-scope");
            }
            register(&server, token, &body).expect_problem(403, "insufficient-scope");
        }
        server.get("/clients").send().expect_problem(401, "unauthenticated");
        register(&server, "", &body).expect(401);
        server.get("/clients").bearer(&reader).send().expect(200);
        let read = server.get("/clients/shop").bearer(&reader).send().expect(200);
        assert_eq!(read.json()["_actions"], json!({ "read": [] }));
        for asked in [
            server.post("/clients").json(&body),
            server.patch("/clients/shop").if_match("*").json(&json!({})),
            server.post("/clients/shop/secret"),
            server.delete("/clients/shop"),
        ] {
            let refused = asked.bearer(&reader).send().expect_problem(403, "insufficient-scope");
            assert!(refused.header("www-authenticate").unwrap().contains("scope=\"clients:write\""));
        }
    }

    fn refuses_registering_a_power_above_ones_own(server) {
        let clerk = server.client_token("clerk", "clients:read clients:write users:read:any");
        let register = |id: &str, scope: &str| register(&server, &clerk, &json!({ "client_id": id, "scope": scope }));
        register("equal", "clients:write users:read:any users:write openid").expect(201);
        for scope in ["users:write:any", "users:read:any keys:rotate", "roles:write"] {
            let refused = register("above", scope).expect_problem(403, "above-caller");
            assert!(refused.json()["decision_id"].is_string());
        }
        // A caller who could not have the id does not learn whether it is taken.
        register("equal", "roles:write").expect_problem(403, "above-caller");
        server.get("/clients/above").bearer(&clerk).send().expect_problem(404, "not-found");

        let before = server.get("/clients/equal").bearer(&clerk).send().expect(200);
        let patch = |scope: &str| {
            let request = server.patch("/clients/equal").bearer(&clerk).if_match(before.etag());
            request.json(&json!({ "scope": scope })).send()
        };
        patch("users:read:any users:delete:any").expect_problem(403, "above-caller");
        assert_eq!(server.get("/clients/equal").bearer(&clerk).send().body, before.body);
        patch("users:read:any users:delete").expect(200);
    }

    fn first_party_client_is_the_administrators_alone(server) {
        let admin = server.admin();
        let clerk = server.client_token("clerk", "clients:read clients:write users:read:any roles:write");
        let narrow = server.log_in_for(&admin.email, Some("clients:write clients:read"));
        let body = json!({
            "client_id": "own", "scope": "openid users:read", "redirect_uris": ["https://own.example/cb", "http://127.0.0.1/cb"],
            "first_party": true,
        });
        for token in [&clerk, &narrow] {
            register(&server, token, &body).expect_problem(403, "above-caller");
        }
        register(&server, &clerk, &json!({ "client_id": "other", "scope": "openid", "redirect_uris": ["https://a.example/cb"] })).expect(201);
        let made = register(&server, &admin.token, &body).expect(201);
        assert_eq!(made.json()["first_party"], true);
        for token in [&clerk, &narrow] {
            let trusted = json!({ "first_party": true });
            server.patch("/clients/other").bearer(token).if_match("*").json(&trusted).send().expect_problem(403, "above-caller");
            for change in [json!({ "redirect_uris": ["https://evil.example/cb"] }), json!({ "scope": "openid" }), json!({ "first_party": false })] {
                server.patch("/clients/own").bearer(token).if_match("*").json(&change).send().expect_problem(403, "above-caller");
            }
            server.post("/clients/own/secret").bearer(token).send().expect_problem(403, "above-caller");
            server.delete("/clients/own").bearer(token).if_match("*").send().expect_problem(403, "above-caller");
        }
        let patch = |change: Value| server.patch("/clients/own").bearer(&admin.token).if_match("*").json(&change).send();
        assert_eq!(patch(json!({ "client_name": "Own" })).expect(200).json()["first_party"], true);
        assert_eq!(patch(json!({ "first_party": false })).expect(200).json()["first_party"], false);
    }

    fn refuses_changing_a_client_above_ones_own_powers(server) {
        let admin = server.admin();
        let clerk = server.client_token("clerk", "clients:read clients:write");
        let body = json!({ "client_id": "strong", "scope": "users:delete:any", "redirect_uris": ["https://a.example/cb"] });
        let secret = secret_of(&register(&server, &admin.token, &body).expect(201));
        let before = server.get("/clients/strong").bearer(&clerk).send().expect(200);
        assert_eq!(before.json()["_actions"], json!({ "read": [] }));
        for change in [
            json!({ "redirect_uris": ["https://evil.example/cb"] }),
            json!({ "client_name": "mine" }),
            json!({ "scope": "users:read" }),
            json!({ "token_endpoint_auth_method": "none", "grant_types": ["authorization_code"] }),
        ] {
            let request = server.patch("/clients/strong").bearer(&clerk).if_match("*").json(&change);
            request.send().expect_problem(403, "above-caller");
        }
        server.post("/clients/strong/secret").bearer(&clerk).send().expect_problem(403, "above-caller");
        server.delete("/clients/strong").bearer(&clerk).send().expect_problem(403, "above-caller");
        let after = server.get("/clients/strong").bearer(&admin.token).send().expect(200).json();
        assert_eq!(without(after, &["_actions"]), without(before.json(), &["_actions"]));
        let rotated = server.post("/clients/strong/secret").bearer(&admin.token).send().expect(200);
        assert_ne!(secret_of(&rotated), secret);
    }

    fn refuses_registering_a_power_that_an_administrators_token_lacks(server) {
        let admin = server.admin();
        let narrow = server.log_in_for(&admin.email, Some("clients:read clients:write users:read:any"));
        let make = |id: &str, scope: &str| register(&server, &narrow, &json!({ "client_id": id, "scope": scope }));
        make("equal", "clients:write users:read:any users:write openid").expect(201);
        for scope in ["roles:write", "users:read:any keys:rotate", "users:write:any profiles:read"] {
            make("above", scope).expect_problem(403, "above-caller");
        }
        let told = make("above", "roles:write users:read:any").expect_problem(403, "above-caller").json();
        assert_eq!(told["detail"], "this needs more power over other users: the token does not carry roles:write");
        server.get("/clients/above").bearer(&narrow).send().expect_problem(404, "not-found");
        let patch = |id: &str, body: Value| {
            server.patch(&format!("/clients/{id}")).bearer(&narrow).if_match("*").json(&body).send()
        };
        patch("equal", json!({ "scope": "roles:write" })).expect_problem(403, "above-caller");
        // An existing client with more power is out of reach, whatever changes of it.
        register(&server, &admin.token, &json!({ "client_id": "strong", "scope": "users:delete:any" })).expect(201);
        let before = server.get("/clients/strong").bearer(&narrow).send().expect(200);
        assert_eq!(before.json()["_actions"], json!({ "read": [] }));
        patch("strong", json!({ "client_name": "mine" })).expect_problem(403, "above-caller");
        server.post("/clients/strong/secret").bearer(&narrow).send().expect_problem(403, "above-caller");
        server.delete("/clients/strong").bearer(&narrow).send().expect_problem(403, "above-caller");
        assert_eq!(server.get("/clients/strong").bearer(&narrow).send().body, before.body);
        server.delete("/clients/strong").bearer(&admin.token).send().expect(204);
    }
}
