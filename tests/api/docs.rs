//! `/docs`: the API documentation page. `interop/docs.rs` tests it in a browser.

use serde_json::json;

use crate::support::{Engine, Server, on_both_engines};

const CLIENT: &str = "/clients/cloakroom-docs";

on_both_engines! {
    fn page_loads_only_files_of_the_server(server) {
        let page = server.get("/docs").send().expect(200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.body.contains(r#"data-client="cloakroom-docs""#), "{}", page.body);
        let loaded = page.body.split(['"']).filter(|part| part.starts_with("docs/")).collect::<Vec<_>>();
        assert_eq!(loaded, ["docs/swagger-ui.css", "docs/docs.css", "docs/swagger-ui-bundle.js", "docs/docs.js"]);
        for path in loaded.into_iter().chain(["docs/oauth2-redirect.html", "docs/oauth2-redirect.js"]) {
            let file = server.get(&format!("/{path}")).send().expect(200);
            let policy = file.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("http"), "{policy}");
            assert_eq!(file.header("x-frame-options"), Some("DENY"));
            assert_eq!(file.header("referrer-policy"), Some("no-referrer"));
        }
        for nothing in ["/docs/index.html", "/docs/..%2fCargo.toml", "/docs/%00"] {
            server.get(nothing).send().expect_problem(404, "not-found");
        }
    }

    fn server_registers_the_pages_client_for_that_page(server) {
        let admin = server.admin();
        let client = server.get(CLIENT).bearer(&admin.token).send().expect(200).json();
        assert_eq!(client["redirect_uris"], json!([format!("{}/docs/oauth2-redirect.html", server.url)]));
        assert_eq!(client["token_endpoint_auth_method"], "none");
        assert_eq!(client["grant_types"], json!(["authorization_code", "refresh_token"]));
        assert_eq!(client["client_secrets"], json!([]));
    }

    fn restart_restores_the_pages_client(server) {
        let admin = server.admin();
        let before = server.get(CLIENT).bearer(&admin.token).send().expect(200);
        let elsewhere = json!({ "redirect_uris": ["https://elsewhere.example.org/"] });
        server.patch(CLIENT).bearer(&admin.token).if_match(before.etag()).json(&elsewhere).send().expect(200);
        let _replica = server.replica();
        let after = server.get(CLIENT).bearer(&admin.token).send().expect(200).json();
        assert_eq!(after["redirect_uris"], before.json()["redirect_uris"]);
    }

    fn client_id_of_the_page_is_reserved(server) {
        let admin = server.admin();
        let off = server.replica_with(&[("CLOAKROOM_DOCS", "off")]);
        let client = json!({ "client_id": "cloakroom-docs", "scope": "users:read:any" });
        let refused = off.post("/clients").bearer(&admin.token).json(&client).send().expect_problem(422, "invalid-body");
        assert_eq!(refused.json()["errors"][0]["pointer"], "/client_id");
        let told = off.operator_refused(&["clients", "create", "--id", "cloakroom-docs", "--scope", "users:read:any"]);
        assert!(told.contains("the server's own, for its page /docs"), "{told}");
    }

    fn disabled_docs_have_no_page_and_no_client(server) {
        let admin = server.admin();
        let off = server.replica_with(&[("CLOAKROOM_DOCS", "off")]);
        off.get("/docs").send().expect_problem(404, "unknown-path");
        off.get("/docs/docs.js").send().expect_problem(404, "unknown-path");
        assert!(!off.get("/openapi.json").send().expect(200).body.contains("/docs"));
        off.get(CLIENT).bearer(&admin.token).send().expect_problem(404, "not-found");
    }
}

#[test]
fn page_has_no_login_with_external_issuers_only() {
    let trusted = json!([{ "issuer": "http://127.0.0.1:9", "audience": "https://api.example.org", "algorithms": ["ES256"] }]);
    let settings =
        [("CLOAKROOM_AUTHORIZATION_SERVER", "off"), ("CLOAKROOM_TRUSTED_ISSUERS", &trusted.to_string())];
    let server = Server::start_with(Engine::Sqlite, &settings);
    let page = server.get("/docs").send().expect(200);
    assert!(!page.body.contains("data-client"), "{}", page.body);
}
