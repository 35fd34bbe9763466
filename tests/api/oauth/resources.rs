//! Resource indicators (RFC 8707): a token for another service is not accepted here.

use serde_json::json;

use crate::support::{Application, Engine, Server, decoded, on_both_engines, redirect_parameter};

const LEDGER: &str = "https://ledger.example.org";

fn server(engine: Engine) -> Server {
    Server::start_with(engine, &[("CLOAKROOM_RESOURCES", LEDGER)])
}

on_both_engines! {
    fn client_gets_a_token_for_another_service(engine: Engine) {
        let server = server(engine);
        let app = server.register_application(&json!({ "client_id": "reports", "scope": "users:read:any", "grant_types": ["client_credentials"], "redirect_uris": [] }));
        let ask = |resource: &str| app.post(&server, "/oauth/token", &[("grant_type", "client_credentials"), ("resource", resource)]);
        let audience = |resource: &str| decoded(ask(resource).expect(200).json()["access_token"].as_str().unwrap()).1["aud"].clone();
        assert_eq!((audience(LEDGER), audience(""), audience(&server.url)), (json!(LEDGER), json!(server.url), json!(server.url)));
        for unknown in ["https://other.example.org", "https://ledger.example.org//", "https://ledger.example.org/a", "https://ledger.example.org?/", "LEDGER"] {
            assert_eq!(ask(unknown).expect(400).json()["error"], "invalid_target");
        }
        let token = ask(LEDGER).expect(200).json()["access_token"].as_str().unwrap().to_owned();
        server.get("/users").bearer(&token).send().expect_problem(401, "invalid-token");
        // The client can introspect and revoke that token.
        let told = || app.post(&server, "/oauth/introspect", &[("token", &token)]).expect(200).json();
        assert_eq!((&told()["active"], &told()["aud"]), (&json!(true), &json!(LEDGER)));
        app.post(&server, "/oauth/revoke", &[("token", &token)]).expect(200);
        assert_eq!(told(), json!({ "active": false }));
    }

    fn one_slash_at_the_end_names_the_same_resource(engine: Engine) {
        let (mcp, both) = ("https://mcp.example.org/tools/", "https://both.example.org");
        let resources = [LEDGER, mcp, both, "https://both.example.org/"].join(",");
        let server = Server::start_with(engine, &[("CLOAKROOM_RESOURCES", &resources)]);
        let audience = |tokens: &serde_json::Value| decoded(tokens["access_token"].as_str().unwrap()).1["aud"].as_str().unwrap().to_owned();
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let (own, own_slash) = (server.url.clone(), format!("{}/", server.url));
        for (asked, spelled) in [("https://ledger.example.org/", LEDGER), ("https://mcp.example.org/tools", mcp), (&own_slash, &own), (both, both), ("https://both.example.org/", "https://both.example.org/")] {
            let other = asked.strip_suffix('/').map_or_else(|| format!("{asked}/"), str::to_owned);
            let code = app.code(&server, &ada, &[("resource", asked)]);
            // Another spelling in each request, where both mean one resource.
            let second = if spelled.starts_with(both) { asked } else { &other };
            let tokens = app.redeem_with(&server, &code, &[("resource", second)]).expect(200).json();
            assert_eq!(audience(&tokens), spelled);
            let form = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap()), ("resource", second)];
            let next = app.post(&server, "/oauth/token", &form).expect(200).json();
            assert_eq!(audience(&next), spelled);
        }
        let code = app.code(&server, &ada, &[("resource", both)]);
        assert_eq!(app.redeem_with(&server, &code, &[("resource", "https://both.example.org/")]).expect(400).json()["error"], "invalid_grant");
        let token = app.tokens(&server, &ada, &[("resource", &own_slash)])["access_token"].as_str().unwrap().to_owned();
        server.get("/users/me").bearer(&token).send().expect(200);
    }

    fn resource_server_introspects_tokens_meant_for_it(engine: Engine) {
        let server = Server::start_with(engine, &[("CLOAKROOM_RESOURCES", &format!("{LEDGER},mail"))]);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let service = |id: &str, resources: serde_json::Value| {
            let members = json!({ "client_id": id, "scope": "users:read", "grant_types": ["client_credentials"], "redirect_uris": [], "resources": resources });
            server.register_application(&members)
        };
        let (ledger, mail) = (service("ledger", json!([LEDGER])), service("mail", json!([])));
        let of_api = service("api", json!([server.url]));
        let tokens = |resource: &str| app.tokens(&server, &ada, &[("resource", resource)]);
        let (for_ledger, for_mail, for_us) = (tokens(LEDGER), tokens("mail"), tokens(&server.url));
        let inactive = json!({ "active": false });
        let told = |by: &Application, tokens: &serde_json::Value, kind: &str| {
            by.post(&server, "/oauth/introspect", &[("token", tokens[kind].as_str().unwrap())]).expect(200).json()
        };
        for (by, tokens) in [(&ledger, &for_ledger), (&mail, &for_mail), (&of_api, &for_us), (&app, &for_ledger)] {
            let told = told(by, tokens, "access_token");
            assert_eq!((&told["active"], &told["client_id"], &told["sub"]), (&json!(true), &json!("photos"), &json!(ada.id)), "{by:?}");
        }
        for (by, tokens) in [(&ledger, &for_mail), (&ledger, &for_us), (&mail, &for_ledger), (&mail, &for_us), (&of_api, &for_ledger)] {
            assert_eq!(told(by, tokens, "access_token"), inactive, "{by:?}");
        }
        // A slash at the end names the same resource.
        let slash = service("ledger-slash", json!([format!("{LEDGER}/")]));
        assert_eq!(told(&slash, &for_ledger, "access_token")["active"], true);
        assert_eq!(told(&slash, &for_mail, "access_token"), inactive);
        // A refresh token and an ID token are meant for the client alone.
        assert_eq!(told(&ledger, &for_ledger, "refresh_token"), inactive);
        assert_eq!(told(&ledger, &for_ledger, "id_token"), inactive);
        // The resource server does not end the client's token.
        ledger.post(&server, "/oauth/revoke", &[("token", for_ledger["access_token"].as_str().unwrap())]).expect(200);
        assert_eq!(told(&ledger, &for_ledger, "access_token")["active"], true);
        // The registration can be changed, and counts at once.
        let admin = server.admin();
        server.patch("/clients/ledger").bearer(&admin.token).if_match("*").json(&json!({ "resources": ["mail"] })).send().expect(200);
        assert_eq!(told(&ledger, &for_ledger, "access_token"), inactive);
        assert_eq!(told(&ledger, &for_mail, "access_token")["active"], true);
        app.post(&server, "/oauth/revoke", &[("token", for_mail["access_token"].as_str().unwrap())]).expect(200);
        assert_eq!(told(&mail, &for_mail, "access_token"), inactive);
        let wrong = |members: serde_json::Value, code: &str| {
            let mut body = json!({ "client_id": "other", "scope": "users:read" });
            body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            let refused = server.post("/clients").bearer(&admin.token).json(&body).send().expect_problem(422, "invalid-body");
            assert!(refused.broken_rules().iter().any(|rule| rule.1 == code), "{refused:?}");
        };
        for text in ["", "a b", "é", "a\0", &"a".repeat(513)] {
            wrong(json!({ "resources": [text] }), "invalid-resource");
        }
        let many: Vec<String> = (0..33).map(|number| format!("r{number}")).collect();
        wrong(json!({ "resources": many }), "too-many");
        wrong(json!({ "resources": ["a"], "token_endpoint_auth_method": "none", "redirect_uris": ["https://a.example/"] }), "public-client");
        server.operator(&["clients", "create", "--id", "both", "--scope", "users:read", "--resource", LEDGER, "--resource", "mail"]);
        let shown = server.operator(&["clients", "show", "both", "--json"]);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["resources"], json!([LEDGER, "mail"]));
    }

    fn code_flow_token_is_for_one_service(engine: Engine) {
        let server = server(engine);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let code = || app.code(&server, &ada, &[("resource", LEDGER)]);
        let tokens = app.redeem(&server, &code()).expect(200).json();
        let audience = |tokens: &serde_json::Value| decoded(tokens["access_token"].as_str().unwrap()).1["aud"].clone();
        assert_eq!(audience(&tokens), LEDGER);
        assert_eq!(decoded(tokens["id_token"].as_str().unwrap()).1["aud"], "photos");
        app.redeem_with(&server, &code(), &[("resource", LEDGER)]).expect(200);
        assert_eq!(app.redeem_with(&server, &code(), &[("resource", &server.url)]).expect(400).json()["error"], "invalid_grant");
        let refresh = |resource: &str, token: &str| app.post(&server, "/oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", token), ("resource", resource)]);
        let token = tokens["refresh_token"].as_str().unwrap();
        assert_eq!(refresh(&server.url, token).expect(400).json()["error"], "invalid_target");
        assert_eq!(audience(&refresh("", token).expect(200).json()), LEDGER);
        let back = server.get(&app.authorize(&[("resource", "https://other.example.org")])).send().expect(303);
        assert_eq!(redirect_parameter(&back, "error"), "invalid_target");
    }
}
