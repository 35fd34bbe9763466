//! Repeated `SIGKILL` of replicas that send mail: each acknowledged request is delivered at least once, duplicates
//! have one `Message-ID`, and an unknown address gets none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{eventually, for_a_while, on_database};
use crate::support::{Engine, MailServer, Postgres, Process, Request, free_port, on_both_engines};

/// Requests a link for a new account again and again, and returns the addresses whose request was acknowledged.
fn request_links(url: &str, acknowledged: &Mutex<BTreeSet<String>>, stop: &AtomicBool) {
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let email = format!("p{number}@example.com");
        let body = json!({ "email": email, "password": "a most unusual passphrase" });
        let made = Request::new("POST", format!("{url}/users")).json(&body).try_send();
        if !made.is_ok_and(|answer| answer.status == 201) {
            continue;
        }
        for address in [&email, &format!("nobody{number}@example.com")] {
            let asked =
                Request::new("POST", format!("{url}/password-resets")).json(&json!({ "email": address }));
            if asked.try_send().is_ok_and(|answer| answer.status == 202) {
                acknowledged.lock().unwrap().insert(address.clone());
            }
        }
    }
}

on_both_engines! {
    fn acknowledged_mails_are_delivered_despite_sigkill(engine: Engine) {
        let (dir, mails) = (TempDir::new().unwrap(), MailServer::start());
        let database = match engine {
            Engine::Sqlite => format!("sqlite://{}", dir.path().join("cloakroom.db").display()),
            Engine::Postgres => Postgres::new_database(),
        };
        let listen = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let url = format!("http://{}", listen[0]);
        let own = mails.settings();
        let of_mail: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let settings = [on_database(&database), of_mail, vec![("CLOAKROOM_ISSUER", url.as_str())]].concat();
        let start = |replica: usize| {
            let own = [("CLOAKROOM_LISTEN", listen[replica].as_str())];
            Process::start(dir.path(), &[&settings[..], &own].concat())
        };
        let mut replicas = [start(0), start(1)];
        let (acknowledged, stop) = (Mutex::default(), AtomicBool::new(false));
        let done = || acknowledged.lock().map(|all: std::sync::MutexGuard<'_, BTreeSet<String>>| all.len()).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| request_links(&url, &acknowledged, &stop));
            let mut next = 0;
            for_a_while(|| {
                let enough = done() + 20;
                eventually("enough is acknowledged", || done() >= enough);
                replicas[next].kill();
                replicas[next] = start(next);
                next = 1 - next;
            });
            stop.store(true, Ordering::Relaxed);
        });
        // The lease of a killed run ends by itself.
        eventually("the outbox is empty", || {
            let status = Process::command(dir.path(), &settings, &["mail", "status", "--json"]).output().unwrap();
            let text = String::from_utf8(status.stdout).unwrap();
            let status: Value = serde_json::from_str(text.find('{').map_or("", |at| &text[at..])).unwrap();
            (&status["waiting"], &status["given_up"]) == (&json!(0), &json!(0))
        });
        let mut delivered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let all = mails.all();
        for mail in &all {
            delivered.entry(mail.to.clone()).or_default().insert(mail.header("message-id").to_owned());
        }
        let acknowledged = acknowledged.into_inner().unwrap();
        let lost: Vec<&String> =
            acknowledged.iter().filter(|to| to.starts_with('p') && !delivered.contains_key(*to)).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        assert!(delivered.keys().all(|to| to.starts_with('p')), "{delivered:?}");
        assert!(delivered.values().all(|ids| ids.len() == 1), "{delivered:?}");
        println!("{} mails to {} addresses", all.len(), delivered.len());
        assert!(delivered.len() > 20);
    }
}
