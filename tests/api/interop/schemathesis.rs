//! Valid and invalid requests that Schemathesis generates from the OpenAPI document, with all of its checks.
//! Every answer is described, and none is a server error.

use super::*;

const EVERYTHING: &str = "users:read:any users:write:any users:delete:any users:create profiles:read:any \
    profiles:write:any sessions:read:any sessions:revoke:any audit:read:any roles:write clients:read clients:write \
    keys:rotate authz:explain";

fn finds_nothing(server: &Server, token: &str, examples: &str) {
    let mut command = Command::new(python());
    command
        .args(["-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run"])
        .arg(format!("{}/openapi.json", server.url))
        .args(["--checks", "all", "--max-examples", examples, "--seed", "1", "--no-color"])
        .args(["--generation-database", "none", "--header", &format!("Authorization: Bearer {token}")]);
    finish(command.current_dir(scripts()), "schemathesis");
}

on_both_engines! {
    fn finds_nothing_with_every_scope(engine: Engine) {
        if !are_installed(&[&python()]) {
            return;
        }
        let server = Server::start_with(engine, &[("CLOAKROOM_RATE_LIMITS", "off")]);
        server.client_token("everything", EVERYTHING);
        // It deletes every client that it finds. The client of this token does not exist, so it stays valid.
        let ghost = server.operator(&[
            "token", "mint", "--issuer", &server.url, "--client", "everything", "--ttl", "1h",
            "--claim", "client_id=ghost", "--claim", "sub=ghost",
        ]);
        finds_nothing(&server, ghost.trim(), "10");
    }

    fn finds_nothing_as_an_ordinary_user(engine: Engine) {
        if !are_installed(&[&python()]) {
            return;
        }
        let server = Server::start_with(engine, &[("CLOAKROOM_RATE_LIMITS", "off")]);
        let ada = server.register("ada");
        finds_nothing(&server, &ada.token, "4");
    }

    fn finds_nothing_with_an_invalid_token(engine: Engine) {
        if !are_installed(&[&python()]) {
            return;
        }
        let server = Server::start_with(engine, &[("CLOAKROOM_RATE_LIMITS", "off")]);
        let ada = server.register("ada");
        let forged =
            server.operator(&["token", "mint", "--issuer", &server.url, "--as", &ada.email, "--wrong-key"]);
        finds_nothing(&server, forged.trim(), "4");
    }
}
