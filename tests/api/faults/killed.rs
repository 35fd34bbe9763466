//! `kill -9` amid writes.

use std::sync::Mutex;

use tempfile::TempDir;

use super::{eventually, on_database};
use crate::support::{Postgres, Process, on_both_engines};

const ROUNDS: usize = 3;

on_both_engines! {
    fn every_acknowledged_registration_outlives_kill_nine(engine: Engine) {
        let dir = TempDir::new().unwrap();
        let url = match engine {
            crate::support::Engine::Sqlite => format!("sqlite://{}", dir.path().join("cloakroom.db").display()),
            crate::support::Engine::Postgres => Postgres::new_database(),
        };
        let acknowledged = Mutex::new(Vec::new());
        for round in 0..ROUNDS {
            let mut server = Process::start(dir.path(), &on_database(&url));
            let (address, goal) = (server.url.clone(), acknowledged.lock().unwrap().len() + 15);
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let (address, acknowledged) = (&address, &acknowledged);
                    scope.spawn(move || write_until_it_dies(address, &format!("{round}.{thread}"), acknowledged));
                }
                eventually("enough are acknowledged", || acknowledged.lock().unwrap().len() >= goal);
                server.kill();
            });
        }
        let server = Process::start(dir.path(), &on_database(&url));
        let acknowledged = acknowledged.into_inner().unwrap();
        let is_lost = |email: &&String| server.login(email).send().status != 200;
        let lost: Vec<&String> = acknowledged.iter().filter(is_lost).collect();
        println!("acknowledged {}, lost {}", acknowledged.len(), lost.len());
        assert!(lost.is_empty(), "lost: {lost:?}");
        // What was in flight is there wholly or not at all: nobody is kept from registering by half an account.
        for round in 0..ROUNDS {
            let next = acknowledged.iter().filter(|email| email.contains(&format!(".{round}.0@"))).count();
            let email = email(next, &format!("{round}.0"));
            let answer = server.registration(&email).send();
            assert!(matches!(answer.status, 201 | 409), "{answer:?}");
            server.login(&email).send().expect(200);
        }
    }
}

fn email(number: usize, writer: &str) -> String {
    format!("user{number}.{writer}@example.com")
}

fn write_until_it_dies(server: &str, writer: &str, acknowledged: &Mutex<Vec<String>>) {
    for number in 0.. {
        let email = email(number, writer);
        let body = serde_json::json!({ "email": email, "password": crate::support::PASSWORD });
        match crate::support::Request::new("POST", format!("{server}/users")).json(&body).try_send() {
            Ok(answer) => {
                answer.expect(201);
                acknowledged.lock().unwrap().push(email);
            }
            Err(_) => break,
        }
    }
}
