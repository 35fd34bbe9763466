//! OpenAPI document tested with other tools: validators, a generated client, and generated requests.

use super::*;
use crate::notes;

const TRUSTED: &str =
    r#"[{ "issuer": "http://127.0.0.1:9", "audience": "https://api.example.org", "algorithms": ["ES256"] }]"#;

#[test]
fn document_and_examples_are_valid() {
    if !are_installed(&[&python()]) {
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
    fn generated_typescript_client_compiles_and_works(engine: Engine) {
        let packages = ["openapi-typescript", "openapi-fetch", "typescript", "orval", "@hey-api/openapi-ts"].map(package);
        if !are_installed(&packages.each_ref().map(|package| &**package)) {
            return;
        }
        let server = Server::start(engine);
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let user = json!({ "email": ada.email, "password": PASSWORD });
        run(Path::new("node"), "typescript.mjs", &json!({ "issuer": server.url, "user": user, "other": bob.id }));
    }
}
