//! `@cloakroom/client` of `clients/typescript`: its types, its size, and its behaviour in a real browser.

use std::io::Write as _;
use std::net::TcpListener;

use super::browser::{chromium, pictures};
use super::*;

/// Packages that build and drive the client.
const PACKAGES: [&str; 6] =
    ["esbuild", "openapi-typescript", "playwright-core", "react-dom", "@types/react", "typescript"];

fn is_ready(more: &[&Path]) -> bool {
    let packages = PACKAGES.map(package);
    let needed: Vec<&Path> = packages.iter().map(PathBuf::as_path).chain(more.iter().copied()).collect();
    are_installed(&needed)
}

/// Returns the origin of an application. Its port is free now; the script is about to listen there.
fn application() -> String {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a port");
    format!("http://{port}")
}

const SCOPES: &str =
    "openid profile email users:read users:write profiles:read profiles:write sessions:read sessions:revoke";

fn register_client(server: &Server, application: &str) {
    let here = format!("{application}/");
    server.register_application(&json!({
        "client_id": "spa", "client_name": "Photos", "token_endpoint_auth_method": "none", "first_party": true,
        "scope": SCOPES, "redirect_uris": [here], "post_logout_redirect_uris": [here],
    }));
}

/// Registers the clients that run on a server. Returns their secrets.
fn register_servers(server: &Server, application: &str) -> Value {
    // Next.js calls each loopback address so.
    let next = application.replace("127.0.0.1", "localhost");
    let site = server.register_application(&json!({
        "client_id": "site", "scope": SCOPES,
        "redirect_uris": ["https://photos.example.org/auth/callback", format!("{next}/auth/callback")],
        "post_logout_redirect_uris": ["https://photos.example.org/", format!("{next}/")],
    }));
    let authjs = server.register_application(&json!({
        "client_id": "authjs", "first_party": true, "scope": "openid profile email users:read",
        "redirect_uris": [format!("{next}/api/auth/callback/cloakroom")],
        "post_logout_redirect_uris": [format!("{next}/")],
    }));
    json!({ "site": site.secret, "authjs": authjs.secret })
}

fn register_app(server: &Server) {
    server.register_application(&json!({
        "client_id": "photos-app", "token_endpoint_auth_method": "none",
        "scope": "openid profile email offline_access users:read",
        "redirect_uris": ["org.example.photos:/callback"], "post_logout_redirect_uris": [],
    }));
}

/// Returns a URL that moves the clock of this server by eleven minutes at each request. The tokens are expired then,
/// and the user authenticated too long ago for a change of the address.
fn clock_hand(server: &Server) -> String {
    let (listener, clock) = (TcpListener::bind("127.0.0.1:0").expect("a port"), server.clock.clone());
    let url = format!("http://{}", listener.local_addr().expect("a port"));
    // The thread ends with the process of the tests.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            clock.advance(chrono::Duration::minutes(11));
            let _ = stream.and_then(|mut stream| {
                let _length = stream.read(&mut [0; 4096])?;
                stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
            });
        }
    });
    url
}

#[test]
fn client_is_small_and_its_types_are_those_of_the_server() {
    if !is_ready(&[]) {
        return;
    }
    let server = Server::start(Engine::Sqlite);
    run(Path::new("node"), "client/package.mjs", &json!({ "issuer": server.url }));
}

/// Runs a script of scenarios, with two servers: one of them has a clock that the script moves.
fn scenarios(engine: Engine, script: &str) {
    if !is_ready(&[&chromium()]) {
        return;
    }
    let application = application();
    let cors = [("CLOAKROOM_CORS_ORIGINS", application.as_str())];
    let server = Server::start_with(engine, &cors);
    let later = Server::start_with_standing_clock(engine, &cors);
    let ada = server.register("ada");
    later.register("ada");
    for server in [&server, &later] {
        register_client(server, &application);
    }
    register_app(&server);
    let facts = json!({
        "issuer": server.url,
        "application": application,
        "secrets": register_servers(&server, &application),
        "later": { "issuer": later.url, "clock": clock_hand(&later) },
        "user": { "email": ada.email, "password": PASSWORD },
        "admin": server.admin().token,
        "chromium": chromium(),
        "pictures": pictures(engine),
    });
    run(Path::new("node"), script, &facts);
}

/// The pages of Next.js are the same on both engines, and its build takes long.
#[test]
fn next_application_signs_in_with_auth_js_and_with_the_helper() {
    if are_installed(&[&package("next"), &package("next-auth")]) {
        scenarios(Engine::Sqlite, "client/nextjs.mjs");
    }
}

on_both_engines! {
    fn client_signs_in_and_out_in_a_browser(engine: Engine) {
        scenarios(engine, "client/sign-in.mjs");
    }

    fn client_renews_once_for_all_tabs(engine: Engine) {
        scenarios(engine, "client/renewal.mjs");
    }

    fn client_calls_the_api_from_a_browser(engine: Engine) {
        scenarios(engine, "client/calls.mjs");
    }

    fn server_helper_keeps_the_tokens_in_a_cookie(engine: Engine) {
        scenarios(engine, "client/server.mjs");
    }

    fn recipes_of_the_frontends_page_work(engine: Engine) {
        scenarios(engine, "client/recipes.mjs");
    }

    fn example_with_react_works_in_a_browser(engine: Engine) {
        scenarios(engine, "client/example.mjs");
    }
}
