//! `If-Match` and `If-None-Match` (RFC 9110 §13.1) of every change of a record.

use serde_json::{Value, json};

use crate::support::{Answer, MAIL_TO_LOG, PASSWORD, Server, on_both_engines};

/// A version that no record has.
const STALE: &str = "\"987654321-0\"";

on_both_engines! {
    fn each_change_of_a_record_looks_at_its_preconditions(engine: Engine) {
        let server = Server::start_with(engine, &MAIL_TO_LOG);
        let (ada, admin) = (server.register("ada"), server.admin());
        let app = server.application("photos", "openid users:read");
        app.tokens(&server, &ada, &[]);
        let sessions = server.get("/users/me/sessions").bearer(&ada.token).send().expect(200).json();
        let session = sessions["items"].as_array().unwrap().iter().find(|one| one["current"] == false).unwrap();
        let sid = session["id"].as_str().unwrap();
        let user = ada.path();
        let tag = server.get(&user).bearer(&admin.token).send().expect(200).etag().to_owned();
        let password = json!({ "new_password": "an even stranger passphrase" });
        let (roles, status) = (json!({ "roles": ["user"] }), json!({ "status": "active" }));
        let changes: [(&str, String, Value, bool); 11] = [
            ("PUT", format!("{user}/password"), password, true),
            ("PUT", format!("{user}/roles"), roles, true),
            ("PUT", format!("{user}/status"), status, true),
            ("POST", format!("{user}/email-verification"), Value::Null, true),
            ("POST", format!("{user}/invitation"), json!({ "send": false }), true),
            ("DELETE", format!("{user}/sessions/{sid}"), Value::Null, false),
            ("DELETE", format!("{user}/grants/photos"), Value::Null, false),
            ("DELETE", format!("{user}/sessions"), Value::Null, true),
            ("DELETE", "/sessions/current".to_owned(), Value::Null, false),
            ("DELETE", user.clone(), Value::Null, true),
            ("DELETE", "/clients/photos".to_owned(), Value::Null, false),
        ];
        let send = |(method, path, body, _): &(&str, String, Value, bool), name: &str, tag: &str| -> Answer {
            let request = server.request(method, path).bearer(&admin.token).header(name, tag);
            if body.is_null() { request.send() } else { request.json(body).send() }
        };
        for change in &changes {
            for (name, tag) in [("if-match", STALE), ("if-match", "\"+1-0\""), ("if-none-match", "*")] {
                let problem = send(change, name, tag).expect_problem(412, "precondition-failed").json();
                let says = problem["detail"].as_str().unwrap();
                assert_eq!(says.contains("If-None-Match"), name == "if-none-match", "{change:?} {name}: {says}");
            }
            if change.3 {
                send(change, "if-none-match", &tag).expect_problem(412, "precondition-failed");
            }
        }
        // Nothing changed, and each of them works with the version that the record has.
        assert_eq!(server.get(&user).bearer(&admin.token).send().expect(200).etag(), tag);
        server.log_in(&ada.email);
        for change in changes.iter().filter(|change| change.1.ends_with(sid) || change.1.ends_with("grants/photos")) {
            send(change, "if-match", "*").expect(204);
        }
        let tag = server.get(&user).bearer(&admin.token).send().expect(200).etag().to_owned();
        let own = server.delete(&format!("{user}/sessions")).bearer(&ada.token);
        own.header("if-match", &tag).send().expect(204);
        server.log_in(&ada.email);
        let change = json!({ "new_password": PASSWORD });
        let put = server.put(&format!("{user}/password")).bearer(&admin.token).json(&change);
        put.header("if-match", "*").send().expect(204);
        server.delete("/sessions/current").bearer(&admin.token).header("if-match", "*").send().expect(204);
    }
}
