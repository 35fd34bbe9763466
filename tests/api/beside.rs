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
                    own.service(beside.scope())
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
    beside.get("/nothing").expect_problem(404, "unknown-path");
    let body = serde_json::json!({ "email": "ada@example.com", "password": PASSWORD });
    beside.request("POST", "/users").json(&body).send().expect(201);
    let session = beside.request("POST", "/sessions").json(&body).send().expect(200).json();
    let token = session["access_token"].as_str().unwrap();
    beside.request("GET", "/users/me").bearer(token).send().expect(200);
    assert_eq!(beside.get("/menu/today").expect(200).body, "Soup");
}

#[test]
fn service_refuses_to_work_beside_a_route_for_one_of_its_paths() {
    for path in ["/users/{id}", "/users/me", "/users/me/profile", "/users/{name}/audit", "/health/live"] {
        let paths: &'static [&'static str] = Box::leak(Box::new([path]));
        let beside = Beside::start(paths);
        for asked in ["/users", "/clients", "/health/ready"] {
            beside.get(asked).expect(500);
        }
    }
}
