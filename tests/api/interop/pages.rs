//! Every page in a real browser, with axe: nobody is kept out by contrast, a missing name or a keyboard.

use cloakroom::http::Code;

use super::browser::{chromium, pictures};
use super::*;
use crate::support::{MailServer, Person};

#[test]
fn axe_finds_nothing_on_any_page() {
    // The pages are the same on both engines.
    let engine = Engine::Sqlite;
    if !are_installed(&[&package("axe-core"), &chromium()]) {
        return;
    }
    let mails = MailServer::start();
    let own = mails.settings();
    let mut settings: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    settings.push(("CLOAKROOM_RATE_LIMITS", "off"));
    let server = Server::start_with(engine, &settings);
    settings.push(("CLOAKROOM_REGISTRATION", "verified"));
    let verifying = Server::start_with(engine, &settings);
    let (ada, admin) = (server.register("ada"), server.admin());
    let app = server
        .application("photos", "openid profile email offline_access users:read users:write sessions:read");
    let sign_up = verifying.application("photos", "openid").authorize(&[("prompt", "create")]);
    let facts = json!({
        "issuer": server.url,
        "user": { "email": ada.email, "password": PASSWORD },
        "authorize": format!("{}{}", server.url, app.authorize(&[])),
        "links": { "light": links(&server, &mails, &admin, "light"), "dark": links(&server, &mails, &admin, "dark") },
        "signUp": format!("{}{sign_up}", verifying.url),
        "codes": Code::names(),
        "chromium": chromium(),
        "pictures": pictures(engine).join("all"),
    });
    run(Path::new("node"), "pages.mjs", &facts);
}

/// Returns a link of each kind, by the name of its page.
fn links(server: &Server, mails: &MailServer, admin: &Person, name: &str) -> Value {
    let people = ["reset", "verify", "undo"].map(|kind| server.register(&format!("{kind}.{name}")));
    let [reset, verify, undo] = &people;
    server.post("/password-resets").json(&json!({ "email": reset.email })).send().expect(202);
    server.post(&format!("{}/email-verification", verify.path())).bearer(&verify.token).send().expect(202);
    let new = format!("new.{name}@example.com");
    let patch = server.patch(&undo.path()).if_match("*").bearer(&undo.token);
    patch.json(&json!({ "email": new })).send().expect(200);
    let confirmed = json!({ "token": mails.last_to(&new, 1).token() });
    server.post("/email-verifications/redeem").json(&confirmed).send().expect(204);
    let invited = format!("invited.{name}@example.com");
    let user = server
        .post("/users")
        .bearer(&admin.token)
        .json(&json!({ "email": invited }))
        .send()
        .expect(201)
        .json();
    let path = format!("/users/{}/invitation", user["id"].as_str().expect("an id"));
    server.post(&path).bearer(&admin.token).json(&json!({})).send().expect(202);
    let link = |to: &str| mails.last_to(to, 1).link();
    json!({
        "reset-password": link(&reset.email),
        "verify-email": link(&verify.email),
        "undo-email-change": link(&undo.email),
        "accept-invitation": link(&invited),
    })
}
