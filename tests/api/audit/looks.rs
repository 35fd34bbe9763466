//! Looks: a read of another's record is in the audit trail before its answer, or it is not answered.

use cloakroom::authz::action::{self, Action};
use serde_json::{Value, json};

use super::trail;
use crate::notes;
use crate::support::{Answer, Engine, MAIL_TO_LOG, Person, Request, Server, on_both_engines};

/// Server of an application with records of Ada, and an administrator who looks at them.
struct World {
    server: Server,
    ada: Person,
    root: Person,
    note: String,
    label: String,
}

/// Read that a scope for everyone's records permits.
struct Look {
    method: String,
    path: String,
    body: Option<Value>,
    /// The action and the kind of record, as in the trail.
    action: String,
    resource: String,
}

fn changes(action: &str) -> bool {
    macro_rules! known {
        ($($action:ident)*) => { [$((action::$action::NAME, action::$action::CHANGES)),*] };
    }
    let known = known! {
        Create List Read Update Delete RotateSecret Explain SetPassword ProvePassword VerifyEmail SetRoles SetStatus
        ListSessions EndSessions ListConsents ReadClaims Rotate Retire ReadAudit SendVerification Invite Evaluate
    };
    let of_notes =
        [("share", true), ("list_shares", false), ("archive", true), ("moderate", true), ("count", false)];
    let mut all = known.into_iter().chain(of_notes);
    all.find(|(name, _)| *name == action).unwrap_or_else(|| panic!("{action} is unknown here")).1
}

impl World {
    fn new(engine: Engine) -> Self {
        let server = Server::start_app_with(engine, notes::app, &MAIL_TO_LOG);
        let (ada, root) = (server.register("ada"), server.admin());
        let note = json!({ "title": "A coat", "text": "The blue one." });
        let note = server.post("/notes").bearer(&ada.token).json(&note).send().expect(201).json();
        let label = json!({ "name": "Winter", "colour": "blue" });
        let label = server.post("/users/me/labels").bearer(&ada.token).json(&label).send().expect(201).json();
        server.operator(&["clients", "create", "--id", "photos", "--scope", "users:read"]);
        let id = |record: Value| record["id"].as_str().unwrap().to_owned();
        Self { ada, root, note: id(note), label: id(label), server }
    }

    /// Returns the rows of the route table that read, and that a scope permits on the records of everyone.
    fn looks(&self) -> Vec<Look> {
        let documents = self.server.get("/openapi.json").send().expect(200).json();
        let matrix = json!(notes::app().matrix());
        let rows = matrix["routes"].as_array().unwrap().iter().filter(|row| row["any_scope"].is_string());
        let look = |row: &Value| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            let (method, template, action) = (text("method"), text("path"), text("action"));
            let (action, resource) = action.split_once(' ').unwrap();
            let content = &documents["paths"][&template][method.to_lowercase()]["requestBody"]["content"];
            let id = match resource {
                "client" => "photos",
                "note" => &self.note,
                _ => &self.ada.id,
            };
            (!changes(action)).then(|| Look {
                path: template.replace("{id}", id).replace("{label}", &self.label),
                body: content["application/json"].get("example").cloned(),
                method,
                action: action.to_owned(),
                resource: resource.to_owned(),
            })
        };
        rows.filter_map(look).collect()
    }

    fn request(&self, look: &Look, method: &str, by: &Person) -> Request {
        let request = self.server.request(method, &look.path).bearer(&by.token);
        match &look.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// Returns how many lines the trail has of this look by a caller.
    fn db_lines(&self, look: &Look, by: &Person) -> i64 {
        let Look { action, resource, .. } = look;
        let of = format!("actor = 'user:{}' AND action = '{action}' AND resource = '{resource}'", by.id);
        self.server.db_number(&format!("SELECT COUNT(*) AS total FROM audit WHERE outcome = 'done' AND {of}"))
    }

    /// Sends a look, and checks that the trail has one line more when the answer is there.
    fn expect_line(&self, look: &Look, method: &str, tag: Option<&str>) -> Answer {
        let before = self.db_lines(look, &self.root);
        let mut request = self.request(look, method, &self.root);
        if let Some(tag) = tag {
            request = request.header("if-none-match", tag);
        }
        let answer = request.send();
        assert_eq!(self.db_lines(look, &self.root), before + 1, "{method} {}: {answer:?}", look.path);
        answer
    }
}

/// Lets the database refuse each line about something done, and returns the statement that ends it.
fn db_refuse_lines(server: &Server) -> &'static str {
    match server.engine {
        Engine::Sqlite => {
            server.db_run(
                "CREATE TRIGGER no_looks BEFORE INSERT ON audit WHEN NEW.outcome = 'done' \
                 BEGIN SELECT RAISE(ABORT, 'the trail is gone'); END",
            );
            "DROP TRIGGER no_looks"
        }
        Engine::Postgres => {
            server.db_run(
                "CREATE FUNCTION refuse_line() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'the trail is gone'; END $$; \
                 CREATE TRIGGER no_looks BEFORE INSERT ON audit FOR EACH ROW WHEN (NEW.outcome = 'done') \
                 EXECUTE FUNCTION refuse_line()",
            );
            "DROP TRIGGER no_looks ON audit"
        }
    }
}

on_both_engines! {
    fn each_read_with_a_scope_for_everyone_writes_its_line(engine: Engine) {
        let world = World::new(engine);
        let looks = world.looks();
        assert!(looks.len() >= 15, "{}", looks.len());
        for look in &looks {
            let answer = world.expect_line(look, &look.method, None).expect(200);
            if look.method != "GET" {
                continue;
            }
            world.expect_line(look, "HEAD", None).expect(200);
            if let Some(tag) = answer.header("etag") {
                world.expect_line(look, "GET", Some(tag)).expect(304);
            }
        }
    }

    fn a_look_that_cannot_be_written_is_refused(engine: Engine) {
        let world = World::new(engine);
        let (server, looks) = (&world.server, world.looks());
        let mend = db_refuse_lines(server);
        for look in &looks {
            let answer = world.request(look, &look.method, &world.root).send();
            let answer = answer.expect_problem(503, "unavailable");
            assert!(answer.header("retry-after").is_some());
            assert!(!answer.body.contains(&world.ada.email) && !answer.body.contains("The blue one"), "{}", answer.body);
        }
        let stream = server.get("/audit").bearer(&world.root.token).header("accept", "application/x-ndjson");
        stream.send().expect_problem(503, "unavailable");
        server.db_run(mend);
        for look in &looks {
            world.expect_line(look, &look.method, None).expect(200);
        }
    }

    fn own_and_public_reads_write_no_line(engine: Engine) {
        let world = World::new(engine);
        let (server, ada) = (&world.server, &world.ada);
        let own: Vec<Look> = world.looks().into_iter().filter(|look| look.path.contains(&ada.id) || look.resource == "note").collect();
        assert!(own.len() >= 6);
        let lines = || server.db_number("SELECT COUNT(*) AS total FROM audit");
        // They do not even need a database that takes lines.
        db_refuse_lines(server);
        let before = lines();
        for look in own.iter().filter(|look| look.action != "count") {
            world.request(look, "GET", ada).send().expect(200);
            world.request(look, "HEAD", ada).send().expect(200);
        }
        for path in ["/oauth/userinfo", "/authz/matrix", "/openapi.json", "/.well-known/jwks.json"] {
            server.get(path).bearer(&ada.token).send();
        }
        assert_eq!(lines(), before);
    }

    fn shared_record_is_a_look_for_its_reader(engine: Engine) {
        let world = World::new(engine);
        let (server, bob) = (&world.server, world.server.register("bob"));
        let lines = || server.db_number(&format!("SELECT COUNT(*) AS total FROM audit WHERE resource = 'note' AND actor = 'user:{}'", bob.id));
        // A list without a record of another is none.
        server.get("/notes").bearer(&bob.token).send().expect(200);
        assert_eq!(lines(), 0);
        let share = format!("/notes/{}/shares/{}", world.note, bob.id);
        server.put(&share).bearer(&world.ada.token).json(&json!({ "may_edit": false })).send().expect(204);
        server.get("/notes").bearer(&bob.token).send().expect(200);
        assert_eq!(lines(), 1);
        server.get(&format!("/notes/{}", world.note)).bearer(&bob.token).send().expect(200);
        assert_eq!(lines(), 2);
    }
}

on_both_engines! {
    fn list_is_one_line_with_its_query_and_number(server) {
        let (ada, _) = (server.register("ada"), server.register("adam"));
        let root = server.admin();
        server.get("/users?q=ada&limit=1&sort=email").bearer(&root.token).send().expect(200);
        let last = || server.get("/audit?action=list&limit=1").bearer(&root.token).send().expect(200).json()["items"][0].clone();
        let line = last();
        assert_eq!((&line["resource"], &line["query"], &line["shown"]), (&json!("user"), &json!("q=ada&limit=1&sort=email"), &json!(1)));
        assert_eq!((&line["owner"], &line["count"]), (&json!(ada.id), &json!(1)));
        // The cursor is no part of what was asked.
        let next = server.get("/users?q=ada&limit=1&sort=email").bearer(&root.token).send().expect(200).json()["next"].clone();
        let path = format!("/users?cursor={}&q=ada&limit=1&sort=email", next.as_str().unwrap());
        server.get(&path).bearer(&root.token).send().expect(200);
        assert_eq!(last()["query"], "q=ada&limit=1&sort=email");
        // A page with records of several users is in the trail of none of them.
        server.get("/users?q=ada").bearer(&root.token).send().expect(200);
        assert_eq!(last()["owner"], Value::Null);
        // A search without a result is a look too.
        server.get("/users?q=nobody").bearer(&root.token).send().expect(200);
        let line = last();
        assert_eq!((&line["query"], &line["shown"]), (&json!("q=nobody"), &json!(0)));
        // A look at the trail is in the next look.
        let line = last();
        assert_eq!((&line["resource"], &line["query"]), (&json!("audit_trail"), &json!("action=list&limit=1")));
    }

    fn stream_is_one_line(server) {
        let root = server.admin();
        let lines = || server.db_number("SELECT COUNT(*) AS total FROM audit WHERE resource = 'audit_trail'");
        let stream = server.get("/audit?action=create").bearer(&root.token).header("accept", "application/x-ndjson");
        stream.send().expect(200);
        assert_eq!(lines(), 1);
    }

    fn request_that_shows_nothing_writes_no_line(server) {
        let root = server.admin();
        let lines = || server.db_number("SELECT COUNT(*) AS total FROM audit");
        let before = lines();
        // The record does not exist, and the caller may know that.
        server.get("/users/01890a5d-ac96-774b-bcce-b302099a8057").bearer(&root.token).send().expect_problem(404, "not-found");
        server.get("/users?colour=red").bearer(&root.token).send().expect_problem(400, "invalid-query");
        server.get("/users?cursor=x").bearer(&root.token).send().expect_problem(400, "invalid-cursor");
        server.post("/authz/explain").bearer(&root.token).json(&json!({})).send().expect_problem(422, "invalid-body");
        assert_eq!(lines(), before);
    }

    fn search_that_names_one_user_is_in_the_trail_of_that_user(server) {
        let (ada, bob, root) = (server.register("ada"), server.register("bob"), server.admin());
        let lines = |person: &Person| -> Vec<Value> {
            let all = trail(&server, "me", &person.token);
            all.into_iter().filter(|line| line["actor"] == format!("user:{}", root.id)).collect()
        };
        let queries = [
            format!("/users?email={}", ada.email),
            "/users?q=ada".to_owned(),
            format!("/audit?owner={}", ada.id),
            format!("/audit?actor=user:{}", ada.id),
            format!("/audit?resource=user&record={}", ada.id),
        ];
        for (number, path) in (1..).zip(&queries) {
            server.get(path).bearer(&root.token).send().expect(200);
            assert_eq!(lines(&ada).len(), number, "{path}");
        }
        assert_eq!(lines(&bob), [] as [Value; 0]);
        let evaluation = |id: &str| json!({
            "subject": { "type": "user", "id": id }, "action": { "name": "read" }, "resource": { "type": "user", "id": root.id },
        });
        let before = lines(&ada).len();
        server.post("/access/v1/evaluation").bearer(&root.token).json(&evaluation(&ada.email)).send().expect(200);
        let both = json!({ "evaluations": [evaluation(&ada.id), evaluation(&bob.id), evaluation(&ada.id)] });
        server.post("/access/v1/evaluations").bearer(&root.token).json(&both).send().expect(200);
        assert_eq!((lines(&ada).len(), lines(&bob).len()), (before + 2, 1));
        assert_eq!(lines(&bob)[0]["action"], "evaluate");
    }

    fn explanation_is_in_the_trail_of_its_subject(server) {
        let (ada, root) = (server.register("ada"), server.admin());
        let question = json!({ "caller": { "user": ada.email }, "method": "GET", "path": "/users/me" });
        server.post("/authz/explain").bearer(&root.token).json(&question).send().expect(200);
        let line = &trail(&server, "me", &ada.token)[0];
        assert_eq!((&line["action"], &line["record"]), (&json!("explain"), &json!("GET /users/me")));
        assert_eq!(line["actor"], format!("user:{}", root.id));
    }
}
