//! Crashes of replicas that send mail, and of their database: each acknowledged request is delivered at least once,
//! duplicates have one `Message-ID`, and a request that was refused sends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::ledger::Stopping;
use super::{eventually, for_a_while, on_database};
use crate::support::{
    Answer, Engine, MailServer, PASSWORD, Postgres, Process, Request, free_port, on_both_engines,
};

/// Outcomes of requests that lead to a mail, by the address to which it goes. Each address is in one request.
#[derive(Default)]
struct Mails {
    acknowledged: Mutex<BTreeSet<String>>,
    refused: Mutex<BTreeSet<String>>,
}

impl Mails {
    /// Notes an outcome. That of a lost connection is unknown.
    fn note(&self, to: &str, answer: &Result<Answer, ureq::Error>) {
        let Ok(answer) = answer else { return };
        match answer.status {
            200 | 202 => self.acknowledged.lock().unwrap().insert(to.to_owned()),
            503 if answer.json()["code"] == "outcome-unknown" => return,
            _ => self.refused.lock().unwrap().insert(to.to_owned()),
        };
    }

    fn done(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Makes new accounts, each with a request for a link, and with changes of the address: one that is right, and two
    /// that are refused.
    fn request(&self, url: &str, stop: &AtomicBool) {
        for number in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            self.request_of(url, number);
        }
    }

    fn request_of(&self, url: &str, number: usize) {
        let email = format!("p{number}@example.com");
        let body = json!({ "email": email, "password": PASSWORD });
        let send =
            |path: &str, body: &Value| Request::new("POST", format!("{url}{path}")).json(body).try_send();
        let made = send("/users", &body);
        let session = send("/sessions", &body);
        let [Some(user), Some(session)] = [made, session].map(|answer| {
            answer.ok().filter(|answer| matches!(answer.status, 200 | 201)).map(|answer| answer.json())
        }) else {
            return std::thread::sleep(std::time::Duration::from_millis(20));
        };
        let path = format!("{url}/users/{}", user["id"].as_str().expect("an id"));
        let bearer = session["access_token"].as_str().expect("a token");
        for (to, version, more) in
            [("new", "*", None), ("outdated", "\"0\"", None), ("invalid", "*", Some(7))]
        {
            let to = format!("{to}{number}@example.com");
            let mut body = json!({ "email": to });
            if let Some(more) = more {
                body["external_id"] = more.into();
            }
            let patch = Request::new("PATCH", path.clone()).bearer(bearer).if_match(version);
            self.note(&to, &patch.json(&body).try_send());
        }
        for to in [email, format!("nobody{number}@example.com")] {
            self.note(&to, &send("/password-resets", &json!({ "email": to })));
        }
    }

    /// Waits until the outbox is empty, and compares what was delivered with the outcomes.
    #[track_caller]
    fn check(&self, server: &MailServer, dir: &Path, settings: &[(&str, &str)]) {
        // The lease of a killed run ends by itself.
        eventually("the outbox is empty", || {
            let status = Process::command(dir, settings, &["mail", "status", "--json"]).output().unwrap();
            let text = String::from_utf8(status.stdout).unwrap();
            let status: Value =
                serde_json::from_str(text.find('{').map_or("null", |at| &text[at..])).unwrap();
            (&status["waiting"], &status["given_up"]) == (&json!(0), &json!(0))
        });
        let mut delivered: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let all = server.all();
        for mail in &all {
            delivered.entry(mail.to.clone()).or_default().insert(mail.header("message-id").to_owned());
        }
        let (acknowledged, refused) = (self.acknowledged.lock().unwrap(), self.refused.lock().unwrap());
        let is_lost = |to: &&String| !to.starts_with("nobody") && !delivered.contains_key(*to);
        let lost: Vec<&String> = acknowledged.iter().filter(is_lost).collect();
        let phantom: Vec<&String> = refused.iter().filter(|to| delivered.contains_key(*to)).collect();
        assert!(lost.is_empty() && phantom.is_empty(), "lost: {lost:?}, phantom: {phantom:?}");
        assert!(delivered.keys().all(|to| to.starts_with('p') || to.starts_with("new")), "{delivered:?}");
        assert!(delivered.values().all(|ids| ids.len() == 1), "{delivered:?}");
        println!("{} mails to {} addresses, {} refused", all.len(), delivered.len(), refused.len());
        assert!(delivered.len() > 20 && refused.len() > 10);
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
        let (requests, stop) = (Mails::default(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| requests.request(&url, &stop));
            let _stopping = Stopping(&stop);
            let mut next = 0;
            for_a_while(|| {
                let enough = requests.done() + 20;
                eventually("enough is acknowledged", || requests.done() >= enough);
                replicas[next].kill();
                replicas[next] = start(next);
                next = 1 - next;
            });
        });
        requests.check(&mails, dir.path(), &settings);
    }
}

#[test]
fn acknowledged_mails_are_delivered_despite_postgresql_crashes() {
    let Some(mut cluster) = Postgres::dedicated_cluster() else { return };
    let (dir, mails) = (TempDir::new().unwrap(), MailServer::start());
    let database = cluster.url().replace("{}", "postgres");
    let own = mails.settings();
    let of_mail: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let settings = [on_database(&database), of_mail].concat();
    let replicas = [Process::start(dir.path(), &settings), Process::start(dir.path(), &settings)];
    let (requests, stop) = (Mails::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| requests.request(&replicas[0].url, &stop));
        let _stopping = Stopping(&stop);
        for_a_while(|| {
            let enough = requests.done() + 20;
            eventually("enough is acknowledged", || requests.done() >= enough);
            cluster.stop();
            assert_eq!(replicas[0].get("/health/live").send().status, 200);
            cluster.start_again();
        });
        let after = requests.done() + 5;
        eventually("requests are acknowledged after the fault", || requests.done() >= after);
    });
    requests.check(&mails, dir.path(), &settings);
}
