//! The jobs of the example application.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::notes;
use crate::support::{Person, Server, eventually, on_both_engines};

fn write(server: &Server, by: &Person, title: &str) -> String {
    let body = json!({ "title": title, "text": "The blue one has a loose button." });
    let answer = server.post("/notes").bearer(&server.log_in(&by.email)).json(&body).send().expect(201);
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn exists(server: &Server, by: &str, note: &str) -> bool {
    server.get(&format!("/notes/{note}")).bearer(by).send().status == 200
}

/// Returns the entries of the audit trail by this actor.
fn deeds(server: &Server, admin: &Person, actor: &str) -> Vec<Value> {
    let token = server.log_in(&admin.email);
    let path = format!("/audit?actor={}", actor.replace(' ', "%20"));
    server.get(&path).bearer(&token).send().expect(200).json()["items"].as_array().cloned().unwrap()
}

on_both_engines! {
    fn a_job_acts_as_its_system_caller_when_it_is_due(engine: Engine) {
        let server = Server::start_app_with_standing_clock(engine, notes::app);
        let (ada, admin) = (server.register("ada"), server.admin());
        let [old, kept] = ["Old", "Kept"].map(|title| write(&server, &ada, title));
        let archive = server.put(&format!("/notes/{old}/archived")).bearer(&ada.token);
        archive.json(&json!({ "archived": true })).send().expect(200);
        server.clock.advance(TimeDelta::days(91));
        let token = server.log_in(&ada.email);
        eventually("the old note is deleted", || !exists(&server, &token, &old));
        assert!(exists(&server, &token, &kept));
        let deeds = deeds(&server, &admin, "system:empty the archive");
        let [deed] = &deeds[..] else { panic!("{deeds:?}") };
        assert_eq!((&deed["action"], &deed["record"]), (&json!("delete"), &json!(old)));
        assert_eq!(deed["client_id"], Value::Null);
    }
}

on_both_engines! {
    fn a_reaction_follows_each_change(engine: Engine) {
        let server = Server::start_app(engine, notes::app);
        let (ada, admin) = (server.register("ada"), server.admin());
        let note = write(&server, &ada, "Coats");
        for verdict in ["harmless", "odd", "harmless again"] {
            let put = server.put(&format!("/notes/{note}/verdict")).bearer(&admin.token);
            put.json(&json!({ "verdict": verdict })).send().expect(200);
        }
        // A refused change and a change of another kind have no reaction.
        let put = server.put(&format!("/notes/{note}/verdict")).bearer(&ada.token);
        put.json(&json!({ "verdict": "mine" })).send().expect_problem(403, "insufficient-scope");
        eventually("each change is told", || server.db_number("SELECT count(*) AS total FROM note_news") == 3);
        let left = || server.db_number("SELECT count(*) AS total FROM outbox");
        eventually("no change waits", || left() == 0);
        assert_eq!(deeds(&server, &admin, "system:tell the author").len(), 3);
    }
}

#[test]
fn the_matrix_names_the_system_callers() {
    let matrix = json!(notes::app().matrix());
    let delete = matrix["routes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|route| route["method"] == "DELETE" && route["path"] == "/notes/{id}");
    let delete = delete.unwrap();
    assert_eq!(delete["systems"], json!([{ "name": "empty the archive", "scope": "notes:moderate" }]));
    let answer = |caller: &str| {
        let answers = delete["answers"].as_array().unwrap();
        answers.iter().find(|answer| answer["caller"] == caller).unwrap()["allowed"].clone()
    };
    assert_eq!(answer("system: empty the archive"), json!(true));
    assert_eq!(answer("system: tell the author"), json!(false));
    // A token with the scope alone is not the system caller.
    assert_eq!(answer("client, any"), json!(false));
    let of_jobs =
        matrix["callers"].as_array().unwrap().iter().find(|kind| kind["name"] == "system: empty the archive");
    assert!(of_jobs.unwrap()["meaning"].as_str().unwrap().contains("notes:moderate notes:read:any"));
}
