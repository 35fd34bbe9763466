//! The OpenAPI document, held against what others make of one: validators, a client that is made
//! from it, and requests that are.

use super::*;
use crate::notes;

const TRUSTED: &str =
    r#"[{ "issuer": "http://127.0.0.1:9", "audience": "https://api.example.org", "algorithms": ["ES256"] }]"#;

#[test]
fn it_is_a_valid_one_and_its_examples_are_too() {
    if !are_here(&[&python()]) {
        return;
    }
    let without_tokens = [("CLOAKROOM_AUTHORIZATION_SERVER", "off"), ("CLOAKROOM_TRUSTED_ISSUERS", TRUSTED)];
    let servers = [
        ("cloakroom", Server::start(Engine::Sqlite)),
        ("without an authorization server", Server::start_with(Engine::Sqlite, &without_tokens)),
        ("an application", Server::start_app(Engine::Sqlite, notes::app)),
    ];
    let url = |server: &Server| Value::from(format!("{}/openapi.json", server.url));
    let documents: Value = servers.iter().map(|(name, server)| ((*name).to_owned(), url(server))).collect();
    run(&python(), "openapi.py", &json!({ "documents": documents }));
}

on_both_engines! {
    fn a_client_in_typescript_is_made_from_it_compiles_under_strict_and_works(engine: Engine) {
        if !are_here(&[&package("openapi-typescript"), &package("openapi-fetch"), &package("typescript")]) {
            return;
        }
        let server = Server::start(engine);
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let user = json!({ "email": ada.email, "password": PASSWORD });
        run(Path::new("node"), "typescript.mjs", &json!({ "issuer": server.url, "user": user, "other": bob.id }));
    }
}
