//! cloakroom inside an actix application with routes of its own.

use std::net::SocketAddr;
use std::sync::mpsc;

use actix_web::web;
use cloakroom::config::Sources;
use cloakroom::{App, Service};
use tempfile::TempDir;

use crate::support::{Answer, MASTER_KEY, PASSWORD, Request};

/// Running application with these paths beside cloakroom.
struct Beside {
    address: SocketAddr,
    handle: actix_web::dev::ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
    _dir: TempDir,
}

impl Beside {
    #[expect(clippy::disallowed_methods, reason = "the application has routes of its own")]
    fn start(paths: &'static [&'static str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", dir.path().join("beside.db").display());
        let (send, receive) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut sources = Sources::default();
            for (name, value) in [
                ("DATABASE_URL", database.as_str()),
                ("CLOAKROOM_MASTER_KEY", MASTER_KEY),
                ("CLOAKROOM_REGISTRATION", "open"),
            ] {
                sources.environment.insert(name.to_owned(), value.to_owned());
            }
            actix_web::rt::System::new().block_on(async move {
                let app = App::default();
                let settings = app.load(&sources).unwrap_or_else(|faults| panic!("{faults}"));
                let service = Service::start(&app, &settings).await.unwrap();
                let beside = service.clone();
                let server = actix_web::HttpServer::new(move || {
                    let own = paths.iter().fold(actix_web::App::new(), |app, path| {
                        app.route(path, web::get().to(async || "Soup"))
                    });
                    let nested = web::scope("/clients").default_service(web::to(async || "Soup"));
                    own.service(nested).wrap(beside.middleware())
                });
                let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
                let address = server.addrs()[0];
                let running = server.run();
                send.send((address, running.handle())).unwrap();
                running.await.unwrap();
                service.stop().await;
            });
        });
        let (address, handle) = receive.recv().unwrap();
        Self { address, handle, thread: Some(thread), _dir: dir }
    }

    fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, format!("http://{}{path}", self.address))
    }

    fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn service_answers_beside_other_routes() {
    let beside = Beside::start(&["/menu", "/menu/{day}"]);
    let own = beside.get("/menu").expect(200);
    assert_eq!((own.body.as_str(), own.header("x-request-id")), ("Soup", None));
    beside.get("/health/live").expect(200);
    let refused = beside.get("/users/me").expect_problem(401, "unauthenticated");
    assert!(refused.header("x-request-id").is_some() && refused.header("x-content-type-options").is_some());
    // A path that neither has is the program's.
    assert_eq!(beside.get("/nothing").expect(404).header("x-request-id"), None);
    let body = serde_json::json!({ "email": "ada@example.com", "password": PASSWORD });
    beside.request("POST", "/users").json(&body).send().expect(201);
    let session = beside.request("POST", "/sessions").json(&body).send().expect(200).json();
    let token = session["access_token"].as_str().unwrap();
    beside.request("GET", "/users/me").bearer(token).send().expect(200);
    assert_eq!(beside.get("/menu/today").expect(200).body, "Soup");
}

/// Routes of the program at, below and beside paths of cloakroom.
const PATHS: &[&str] = &[
    "/users/{id}",
    "/users/me",
    "/users/me/avatar",
    "/users/{id}/avatar",
    "/users/{name}/audit",
    "/oauth/{tail:.*}",
    "/health/live",
    "/.well-known/{file:.*}",
    "/usersmenu",
    "/{tail:.*}",
];

#[test]
fn no_route_of_the_program_answers_below_a_path_of_cloakroom() {
    let beside = Beside::start(PATHS);
    for path in [
        "/users/me",
        "/users/me/profile",
        "/users/01890a5d-ac96-774b-bcce-b302099a8057/audit",
        "/clients",
        "/audit",
    ] {
        beside.get(path).expect_problem(401, "unauthenticated");
    }
    for path in [
        "/users/me/avatar",
        "/users/x/avatar",
        "/users/",
        "/oauth/nothing",
        "/clients/a/b/c",
        "/health/other",
        "/%75sers/me/avatar",
        "//users/me/avatar",
    ] {
        let answer = beside.get(path).expect(404);
        assert_ne!(answer.body, "Soup", "{path}");
        assert!(answer.header("x-request-id").is_some(), "{path}");
    }
    beside.get("/health/live").expect(200);
    let keys = beside.get("/.well-known/jwks.json").expect(200).json();
    assert!(keys["keys"].is_array());
    // The well-known URIs of others, and a name that only begins alike, are the program's.
    for path in ["/.well-known/acme-challenge/x", "/usersmenu", "/usersx/me", "/menu", "/", "/Users/me"] {
        assert_eq!(beside.get(path).expect(200).body, "Soup", "{path}");
    }
    // Another method is not the program's either.
    beside.request("PUT", "/users/me/avatar").send().expect_problem(404, "unknown-path");
}
