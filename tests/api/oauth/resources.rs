//! Resource indicators (RFC 8707): a token for another service is not accepted here.

use serde_json::json;

use crate::support::{Engine, Server, decoded, on_both_engines, redirect_parameter};

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
