//! `oidc-provider` as the external issuer, with and without our own authorization server.

use std::net::TcpListener;

use super::*;

const AUDIENCE: &str = "https://api.example.org";

fn takes_its_tokens(engine: Engine, issues: bool) {
    if !are_installed(&[&package("oidc-provider")]) {
        return;
    }
    // The port is free now; the script is about to listen there.
    let provider = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a port");
    let provider = format!("http://{provider}");
    let trusted = json!([{
        "issuer": provider, "audience": AUDIENCE, "algorithms": ["ES256"], "provision": "jit",
        "scopes": { "profiles": "users:read profiles:read", "everyone": "users:read:any" },
    }]);
    let settings = [
        ("CLOAKROOM_TRUSTED_ISSUERS", trusted.to_string()),
        ("CLOAKROOM_AUTHORIZATION_SERVER", if issues { "on" } else { "off" }.to_owned()),
    ];
    let server =
        Server::start_with(engine, &settings.each_ref().map(|(name, value)| (*name, value.as_str())));
    let facts = json!({
        "issuer": server.url, "provider": provider, "audience": AUDIENCE, "callback": CALLBACK, "issues": issues,
    });
    run(Path::new("node"), "oidc-provider.mjs", &facts);
}

on_both_engines! {
    fn beside_an_authorization_server_of_our_own(engine: Engine) {
        takes_its_tokens(engine, true);
    }

    fn without_one(engine: Engine) {
        takes_its_tokens(engine, false);
    }
}
