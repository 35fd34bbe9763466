//! AuthZEN with the scope `authz:evaluate`: a user's own token asks about itself, and is told the decision alone.

use serde_json::{Value, json};

use crate::notes;
use crate::support::{Answer, PASSWORD, Person, Server, on_both_engines};

const UNKNOWN: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn ask(server: &Server, token: &str, request: &Value) -> Answer {
    server.post("/access/v1/evaluation").bearer(token).json(request).send()
}

fn user(id: &str) -> Value {
    json!({ "type": "user", "id": id })
}

/// Returns the request whether a subject may do an action on a note.
fn on_note(subject: &Value, action: &str, id: &str) -> Value {
    json!({ "subject": subject, "action": { "name": action }, "resource": { "type": "note", "id": id } })
}

fn on_route(subject: &Value, method: &str, path: &str) -> Value {
    json!({ "subject": subject, "action": { "name": method }, "resource": { "type": "route", "id": path } })
}

fn note_of(server: &Server, person: &Person) -> String {
    let note = json!({ "title": "Coats", "text": "The blue one." });
    let made = server.post("/notes").bearer(&person.token).json(&note).send().expect(201).json();
    made["id"].as_str().unwrap().to_owned()
}

/// Returns the decision. The answer has nothing else.
#[track_caller]
fn decision(server: &Server, token: &str, request: &Value) -> bool {
    let answer = ask(server, token, request).expect(200).json();
    let decision = answer["decision"].as_bool().unwrap();
    assert_eq!(answer, json!({ "decision": decision }), "{request}");
    decision
}

on_both_engines! {
    fn user_asks_about_itself_and_is_told_the_decision_alone(engine: Engine) {
        let server = Server::start_app(engine, notes::app);
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let (note, hers) = (note_of(&server, &bob), note_of(&server, &ada));
        let me = user(&ada.id);
        for (action, id, expected) in [
            ("read", &hers, true), ("delete", &hers, true), ("moderate", &hers, false), ("fly", &hers, false),
            ("read", &note, false), ("update", &note, false),
        ] {
            assert_eq!(decision(&server, &ada.token, &on_note(&me, action, id)), expected, "{action} {id}");
        }
        for (method, path, expected) in [
            ("GET", "/users/me", true), ("GET", "/users", false), ("GET", "/nowhere", false), ("PUT", "/users/me", false),
            ("GET", "/health/live", true), ("POST", "/oauth/introspect", false), ("POST", "/notes", true),
        ] {
            assert_eq!(decision(&server, &ada.token, &on_route(&me, method, path)), expected, "{method} {path}");
        }
        assert!(!decision(&server, &ada.token, &on_route(&me, "GET", &bob.path())));
        // A relation counts as it does for a request.
        let share = server.put(&format!("/notes/{note}/shares/{}", ada.id)).bearer(&bob.token);
        share.json(&json!({ "may_edit": false })).send().expect(204);
        assert!(decision(&server, &ada.token, &on_note(&me, "read", &note)));
        assert!(!decision(&server, &ada.token, &on_note(&me, "update", &note)));
    }

    fn another_subject_is_refused_and_explained(engine: Engine) {
        let server = Server::start_app(engine, notes::app);
        let (ada, bob, root) = (server.register("ada"), server.register("bob"), server.admin());
        server.client_token("reports", "users:read");
        let note = note_of(&server, &ada);
        for subject in [
            user(&bob.id), user(UNKNOWN), user(&bob.email), user(&ada.email), user("nobody@example.com"), user("me"), user(""),
            json!({ "type": "user" }), json!({ "id": ada.id }), json!({}),
            json!({ "type": "User", "id": ada.id }), json!({ "type": "note", "id": ada.id }),
            json!({ "type": "client", "id": "reports" }), json!({ "type": "client", "id": ada.id }),
            json!({ "type": "user", "id": [ada.id] }), json!({ "type": "user", "id": { "id": ada.id } }),
            json!({ "type": "user", "id": bob.id, "properties": { "id": ada.id } }),
        ] {
            for request in [on_note(&subject, "read", &note), on_note(&subject, "fly", &note), on_route(&subject, "GET", "/users/me")] {
                ask(&server, &ada.token, &request).expect_problem(403, "not-owner");
            }
        }
        let refused = ask(&server, &ada.token, &on_note(&user(&bob.id), "read", &note)).expect_problem(403, "not-owner").json();
        let question = json!({ "decision_id": refused["decision_id"] });
        let why = server.post("/authz/explain").bearer(&root.token).json(&question).send().expect(200).json();
        assert_eq!((&why["rule"], &why["decided_by"]), (&json!("evaluate decision"), &json!("owner")));
        assert_eq!(why["owner"], format!("user:{}", bob.id));
        assert_eq!(why["enough"], json!(["a token with authz:explain (which admin grants), for everyone's"]));
    }

    fn one_foreign_subject_refuses_the_whole_batch(engine: Engine) {
        let server = Server::start_app(engine, notes::app);
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let (hers, note) = (note_of(&server, &ada), note_of(&server, &bob));
        let several = |evaluations: Value, semantic: &str| {
            let request = json!({
                "subject": user(&ada.id), "action": { "name": "read" }, "evaluations": evaluations,
                "options": { "evaluations_semantic": semantic },
            });
            server.post("/access/v1/evaluations").bearer(&ada.token).json(&request).send()
        };
        let on = |id: &str| json!({ "resource": { "type": "note", "id": id } });
        let foreign = json!({ "resource": { "type": "note", "id": note }, "subject": user(&bob.id) });
        let own = several(json!([on(&hers), on(&note), on(UNKNOWN)]), "execute_all").expect(200).json();
        assert_eq!(own, json!({ "evaluations": [{ "decision": true }, { "decision": false }, { "decision": false }] }));
        // Not even the part before it is answered, however the evaluation would end.
        for semantic in ["execute_all", "deny_on_first_deny", "permit_on_first_permit"] {
            for mixed in [json!([on(&hers), foreign]), json!([foreign, on(&hers)]), json!([on(UNKNOWN), on(&hers), foreign])] {
                several(mixed, semantic).expect_problem(403, "not-owner");
            }
        }
        let single = on_note(&user(&bob.id), "read", &note);
        server.post("/access/v1/evaluations").bearer(&ada.token).json(&single).send().expect_problem(403, "not-owner");
        let single = on_note(&user(&ada.id), "read", &hers);
        let answer = server.post("/access/v1/evaluations").bearer(&ada.token).json(&single).send().expect(200);
        assert_eq!(answer.json(), json!({ "decision": true }));
    }

    fn decision_is_that_of_the_callers_own_request(engine: Engine) {
        let server = Server::start_app(engine, notes::app);
        let (ada, bob, root) = (server.register("ada"), server.register("bob"), server.admin());
        let support = server.person_with_roles("support", &["support", "user"]);
        let (hers, note) = (note_of(&server, &ada), note_of(&server, &bob));
        let own = |person: &Person| (user(&person.id), person.token.clone());
        // The token decides, not what the roles of its user grant.
        let narrow = |person: &Person, scope: &str| {
            let scope = format!("authz:evaluate {scope}");
            (user(&person.id), server.log_in_for(&person.email, Some(&scope)))
        };
        let callers = [
            own(&ada), own(&support), narrow(&ada, ""), narrow(&ada, "notes:write"), narrow(&ada, "notes:read"),
            narrow(&root, "notes:read:any"), narrow(&root, "users:read:any users:write:any"), narrow(&support, "users:read:any"),
        ];
        let paths = [
            "/users/me".to_owned(), ada.path(), bob.path(), root.path(), format!("/users/{UNKNOWN}"), "/users".to_owned(),
            format!("/notes/{hers}"), format!("/notes/{note}"), format!("/notes/{UNKNOWN}"), "/notes".to_owned(),
            format!("{}/audit", bob.path()), format!("{}/labels", ada.path()), "/authz/matrix".to_owned(),
        ];
        for (me, token) in &callers {
            for path in &paths {
                let foreseen = decision(&server, token, &on_route(me, "GET", path));
                let answer = server.get(path).bearer(token).send();
                assert_eq!(foreseen, answer.status == 200, "{me} {path}: {answer:?}");
            }
        }
        // Nothing tells another user's record from one that does not exist, also for a change without a right to read.
        let (me, writer) = narrow(&ada, "notes:write");
        assert!(decision(&server, &writer, &on_note(&me, "update", &hers)));
        let answers = [&note, UNKNOWN].map(|id| {
            let answer = ask(&server, &writer, &on_note(&me, "update", id)).expect(200);
            (answer.body.clone(), answer.header("etag").map(str::to_owned), answer.header("cache-control").map(str::to_owned))
        });
        assert_eq!(answers[0], answers[1]);
        // Properties restrict the caller further, and add nothing.
        let with = |properties: Value| {
            let subject = json!({ "type": "user", "id": ada.id, "properties": properties });
            decision(&server, &ada.token, &on_note(&subject, "read", &hers))
        };
        assert_eq!([with(json!({ "scope": "notes:read" })), with(json!({ "scope": "users:read" }))], [true, false]);
        let subject = json!({ "type": "user", "id": ada.id, "properties": { "scope": "users:read:any" } });
        assert!(!decision(&server, &ada.token, &on_route(&subject, "GET", &bob.path())));
        let stale = |stale: bool| {
            let subject = json!({ "type": "user", "id": ada.id, "properties": { "stale": stale } });
            decision(&server, &ada.token, &on_route(&subject, "DELETE", "/users/me"))
        };
        assert_eq!([stale(false), stale(true)], [true, false]);
    }

    fn callers_without_a_user_of_their_own_are_refused(engine: Engine) {
        let server = Server::start_app(engine, notes::app);
        let (ada, root) = (server.register("ada"), server.admin());
        let hers = note_of(&server, &ada);
        let request = on_note(&user(&ada.id), "read", &hers);
        // A client that acts for itself is no subject of this scope, whatever it asks about.
        let client = json!({
            "client_id": "service", "client_name": "Service", "grant_types": ["client_credentials"],
            "scope": "authz:evaluate notes:read",
        });
        let made = server.post("/clients").bearer(&root.token).json(&client).send().expect(201).json();
        let grant = server.post("/oauth/token").basic("service", made["client_secret"].as_str().unwrap());
        let token = grant.form(&[("grant_type", "client_credentials")]).send().expect(200).json();
        let client = token["access_token"].as_str().unwrap();
        let itself = on_route(&json!({ "type": "client", "id": "service" }), "GET", "/notes");
        for request in [&request, &itself] {
            ask(&server, client, request).expect_problem(403, "not-owner");
        }
        // Its token lacks the scope.
        let reader = server.log_in_for(&ada.email, Some("notes:read"));
        ask(&server, &reader, &request).expect_problem(403, "insufficient-scope");
        server.post("/access/v1/evaluation").json(&request).send().expect_problem(401, "unauthenticated");
        // The scope does not explain.
        let question = json!({ "method": "GET", "path": "/users/me" });
        let narrow = server.log_in_for(&ada.email, Some("authz:evaluate notes:read"));
        server.post("/authz/explain").bearer(&narrow).json(&question).send().expect_problem(403, "insufficient-scope");
        assert!(decision(&server, &narrow, &request));
        // A browser session asks about its user, from a page of the server's own origin, and an administrator's too.
        for (person, expected) in [(&ada, true), (&root, false)] {
            let body = json!({ "email": person.email, "password": PASSWORD, "cookie": true });
            let answer = server.post("/sessions").header("origin", &server.url).json(&body).send().expect(204);
            let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
            let page = |origin: &str, request: &Value| {
                let sent = server.post("/access/v1/evaluation").header("cookie", &cookie).header("origin", origin);
                sent.json(request).send()
            };
            let own = on_note(&user(&person.id), "read", &hers);
            assert_eq!(page(&server.url, &own).expect(200).json(), json!({ "decision": expected }));
            page("https://evil.example", &own).expect_problem(403, "foreign-origin");
            let other = if expected { &root } else { &ada };
            page(&server.url, &on_note(&user(&other.id), "read", &hers)).expect_problem(403, "not-owner");
        }
        server.operator(&["users", "suspend", &ada.email]);
        server.eventually_refuses(&ada.token);
        for token in [&ada.token, &narrow] {
            ask(&server, token, &request).expect_problem(401, "invalid-token");
        }
    }

    fn question_about_oneself_leaves_no_entry(engine: Engine) {
        let server = Server::start_app(engine, notes::app);
        let (ada, root) = (server.register("ada"), server.admin());
        let hers = note_of(&server, &ada);
        let lines = || server.db_number("SELECT COUNT(*) AS total FROM audit WHERE action = 'evaluate'");
        decision(&server, &ada.token, &on_note(&user(&ada.id), "read", &hers));
        assert_eq!(lines(), 0);
        // An administrator's token has both scopes: it is told the reasons, and leaves the entry.
        let told = ask(&server, &root.token, &on_note(&user(&ada.id), "read", &hers)).expect(200).json();
        assert_eq!((&told["decision"], &told["context"]["explanation"]["allowed"]), (&json!(true), &json!(true)));
        assert_eq!(lines(), 1);
    }
}
