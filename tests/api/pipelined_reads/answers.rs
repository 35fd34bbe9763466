//! The same answers on both ways: over the pipelined connection, and through the pool.

use serde_json::{Value, json};

use super::{World, pool_uses};
use crate::support::{Answer, Application, Browser, Request};

/// A request with the number of its look-ups by key, for messages and for repetition.
struct Look<'a> {
    what: &'static str,
    request: Box<dyn Fn() -> Request + 'a>,
}

fn look<'a>(what: &'static str, request: impl Fn() -> Request + 'a) -> Look<'a> {
    Look { what, request: Box::new(request) }
}

/// Returns the answer, and the fewest uses of the pool: a background duty may use it too.
fn answer(world: &World, look: &Look) -> (Answer, f64) {
    let tries = [(); 5].map(|()| {
        let before = pool_uses(&world.metrics());
        let answer = (look.request)().send();
        (answer, pool_uses(&world.metrics()) - before)
    });
    let fewest = tries.iter().map(|(_, uses)| *uses).fold(f64::INFINITY, f64::min);
    let [.., (answer, _)] = tries;
    (answer, fewest)
}

/// Returns the body without what differs for each request.
fn content(answer: &Answer) -> Value {
    let mut body = answer.json();
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    body
}

/// Returns the looks that need each kind of look-up.
fn looks<'a>(world: &'a World, admin: &'a str, app: &'a Application, cookie: &'a str) -> Vec<Look<'a>> {
    let (server, ada) = (&world.server, &world.ada);
    let sessions = server.get("/users/me/sessions").bearer(&ada.token).send().expect(200).json();
    let session = sessions["items"][0]["id"].as_str().expect("a session").to_owned();
    let explain = move |token: &str, path: &str| {
        let question = json!({ "method": "DELETE", "path": path, "caller": { "token": token } });
        server.post("/authz/explain").bearer(admin).json(&question)
    };
    let path = ada.path();
    let (profile, status) = (format!("{path}/profile"), format!("{path}/status"));
    let (session, consent) = (format!("{path}/sessions/{session}"), format!("{path}/grants/{}", app.id));
    vec![
        look("an account", || server.get("/users/me").bearer(&ada.token)),
        look("a profile", || server.get("/users/me/profile").bearer(&ada.token)),
        look("another's profile", move || server.get(&profile).bearer(admin)),
        look("a client", || server.get("/clients/photos").bearer(admin)),
        look("no client", || server.get("/clients/nobody").bearer(admin)),
        look("a session", move || explain(&ada.token, &session)),
        look("a consent", move || explain(&ada.token, &consent)),
        look("a client that authenticates", || {
            app.authenticated(server.post("/oauth/introspect"), &[("token", "x")])
        }),
        look("a browser session", move || {
            let request = server.get("/users/me").header("cookie", cookie).header("origin", &server.url);
            request.header("sec-fetch-site", "same-origin")
        }),
        look("a caller again", move || {
            server.put(&status).bearer(admin).json(&json!({ "status": "active" }))
        }),
    ]
}

#[test]
fn pipelined_answers_are_those_of_the_pool() {
    let Some(world) = World::new() else { return };
    let (server, ada, admin) = (&world.server, &world.ada, world.server.admin());
    let app = server.application("photos", "openid users:read");
    app.sign_in_and_consent(&mut Browser::new(server), ada, &[]);
    let form = json!({ "email": ada.email, "password": crate::support::PASSWORD, "cookie": true });
    let signed_in = server.post("/sessions").header("origin", &server.url).json(&form).send().expect(204);
    let cookie = signed_in.header("set-cookie").and_then(|cookie| cookie.split(';').next()).unwrap();

    let looks = looks(&world, &admin.token, &app, cookie);
    world.until_pipelined();
    let pipelined: Vec<_> = looks.iter().map(|look| answer(&world, look)).collect();
    // Without its connection, and without a way to a new one, the worker has what is open in the pool.
    world.db_without_new_connections(|| {
        for (look, (before, fewest)) in looks.iter().zip(&pipelined) {
            let (after, uses) = answer(&world, look);
            println!("{}: {} with {fewest} and {uses} uses of the pool", look.what, before.status);
            assert!(uses > *fewest, "{} did not change its way", look.what);
            assert_eq!((before.status, content(before)), (after.status, content(&after)), "{}", look.what);
            assert_eq!(before.header("etag"), after.header("etag"), "{}", look.what);
        }
    });
    world.until_pipelined();
}
