//! Third-party page with `oidc-client-ts` in a real browser, through the real pages.

use std::net::TcpListener;

use super::*;

/// Path of Chromium on Debian, unless `CHROMIUM` sets another.
pub(super) fn chromium() -> PathBuf {
    std::env::var_os("CHROMIUM").map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from)
}

/// Directory for screenshots.
pub(super) fn pictures(engine: Engine) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages").join(format!("{engine:?}"))
}

fn signs_in(engine: Engine) {
    if !are_installed(&[&package("oidc-client-ts"), &chromium()]) {
        return;
    }
    // The port is free now; the script is about to listen there.
    let application = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a port");
    let application = format!("http://{application}");
    let server = Server::start_with(engine, &[("CLOAKROOM_CORS_ORIGINS", &application)]);
    let ada = server.register("ada");
    let here = format!("{application}/");
    server.register_application(&json!({
        "client_id": "spa", "client_name": "Ada's Photos", "token_endpoint_auth_method": "none",
        "scope": "openid users:read", "redirect_uris": [here], "post_logout_redirect_uris": [here],
    }));
    let facts = json!({
        "issuer": server.url,
        "application": application,
        "user": { "email": ada.email, "password": PASSWORD },
        "chromium": chromium(),
        "pictures": pictures(engine),
    });
    run(Path::new("node"), "oidc-client-ts.mjs", &facts);
}

on_both_engines! {
    fn page_logs_in_renews_and_logs_out(engine: Engine) {
        signs_in(engine);
    }
}
