//! Example application: notes with an owner, shared to read or to edit, archived, moderated. Everything in
//! cloakroom works for them.

#[expect(dead_code, reason = "`main` belongs to the example")]
#[path = "../../examples/notes.rs"]
mod example;

use cloakroom::store::PostgresConnection;
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::{Value, json};

use crate::support::{Answer, Engine, Person, Server, on_both_engines};

pub use example::app;

/// Server of the application, and three of its users.
struct World {
    server: Server,
    ada: Person,
    bob: Person,
    eve: Person,
}

impl World {
    fn new(engine: Engine) -> Self {
        let server = Server::start_app(engine, app);
        let [ada, bob, eve] = ["ada", "bob", "eve"].map(|name| server.register(name));
        Self { server, ada, bob, eve }
    }

    fn write(&self, by: &Person, title: &str) -> String {
        let body = json!({ "title": title, "text": "The blue one has a loose button." });
        let answer = self.server.post("/notes").bearer(&by.token).json(&body).send().expect(201);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    fn share(&self, note: &str, with: &str, may_edit: bool) -> Answer {
        let path = format!("/notes/{note}/shares/{with}");
        self.server.put(&path).bearer(&self.ada.token).json(&json!({ "may_edit": may_edit })).send()
    }

    fn read(&self, note: &str, by: &Person) -> Answer {
        self.server.get(&format!("/notes/{note}")).bearer(&by.token).send()
    }

    fn change(&self, note: &str, by: &Person) -> Answer {
        let patch = json!({ "text": "It has a new button." });
        self.server.patch(&format!("/notes/{note}")).bearer(&by.token).if_match("*").json(&patch).send()
    }

    fn put_away(&self, note: &str, archived: bool) -> Answer {
        let path = format!("/notes/{note}/archived");
        self.server.put(&path).bearer(&self.ada.token).json(&json!({ "archived": archived })).send()
    }

    fn list(&self, by: &Person, query: &str) -> Answer {
        self.server.get(&format!("/notes{query}")).bearer(&by.token).send()
    }
}

/// Returns a client's token with scopes that cloakroom's own command line does not know.
pub fn db_client_token(server: &Server, id: &str, scope: &str) -> String {
    let arguments = ["clients", "create", "--id", id, "--scope", "users:read:any", "--json"];
    let made: Value = serde_json::from_str(&server.operator(&arguments)).unwrap();
    let update = format!("UPDATE clients SET scope = '{scope}' WHERE id = '{id}'");
    match server.engine {
        Engine::Sqlite => {
            let path = server.database_url.trim_start_matches("sqlite://");
            SqliteConnection::establish(path).unwrap().batch_execute(&update).unwrap();
        }
        Engine::Postgres => {
            PostgresConnection::establish(&server.database_url).unwrap().batch_execute(&update).unwrap();
        }
    }
    let request = server.post("/oauth/token").basic(id, made["client_secret"].as_str().unwrap());
    let answer = request.form(&[("grant_type", "client_credentials")]).send().expect(200);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn ids(page: &Answer) -> Vec<String> {
    let items = page.json()["items"].as_array().cloned().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn actions(answer: &Answer) -> Vec<String> {
    answer.json()["_actions"].as_object().unwrap().keys().cloned().collect()
}

/// Returns status and body without the ids of this request.
fn without_ids(answer: &Answer) -> (u16, Value) {
    let mut body = answer.json();
    for member in ["instance", "request_id", "decision_id"] {
        body.as_object_mut().unwrap().remove(member);
    }
    (answer.status, body)
}

on_both_engines! {
    fn another_users_note_looks_like_a_missing_one(engine: Engine) {
        let world = World::new(engine);
        let note = world.write(&world.ada, "Coats");
        let missing = "01890a5d-ac96-774b-bcce-b302099a8057";
        for by in [&world.bob, &world.eve] {
            for (real, none) in [
                (world.read(&note, by), world.read(missing, by)),
                (world.change(&note, by), world.change(missing, by)),
            ] {
                assert_eq!(without_ids(&real), without_ids(&none));
                real.expect_problem(404, "not-found");
            }
            let delete = |id: &str| {
                world.server.delete(&format!("/notes/{id}")).bearer(&by.token).send().expect_problem(404, "not-found")
            };
            assert_eq!(without_ids(&delete(&note)), without_ids(&delete(missing)));
        }
        world.read(&note, &world.ada).expect(200);
    }
}

on_both_engines! {
    fn reader_learns_why_a_change_is_refused(engine: Engine) {
        let world = World::new(engine);
        let note = world.write(&world.ada, "Coats");
        world.share(&note, &world.bob.id, false).expect(204);
        assert_eq!(actions(&world.read(&note, &world.bob).expect(200)), ["read"]);
        world.change(&note, &world.bob).expect_problem(403, "not-owner");
        world.share(&note, &world.bob.id, true).expect(204);
        let changed = world.change(&note, &world.bob).expect(200);
        assert_eq!(changed.json()["text"], "It has a new button.");
        assert_eq!(actions(&changed), ["read", "update"]);
        // Neither share lets Bob share or delete the note.
        let shares = format!("/notes/{note}/shares/{}", world.eve.id);
        let share = world.server.put(&shares).bearer(&world.bob.token).json(&json!({ "may_edit": true }));
        share.send().expect_problem(403, "not-owner");
        let delete = world.server.delete(&format!("/notes/{note}")).bearer(&world.bob.token);
        delete.send().expect_problem(403, "not-owner");
        let unshare = world.server.delete(&format!("/notes/{note}/shares/{}", world.bob.id));
        unshare.bearer(&world.ada.token).send().expect(204);
        world.read(&note, &world.bob).expect_problem(404, "not-found");
    }
}

on_both_engines! {
    fn sharing_does_not_reveal_whether_a_user_exists(engine: Engine) {
        let world = World::new(engine);
        let note = world.write(&world.ada, "Coats");
        world.share(&note, "01890a5d-ac96-774b-bcce-b302099a8057", true).expect(204);
        world.share(&note, "nobody", true).expect_problem(404, "not-found");
    }
}

on_both_engines! {
    fn archived_note_cannot_be_changed(engine: Engine) {
        let world = World::new(engine);
        let note = world.write(&world.ada, "Coats");
        assert!(actions(&world.read(&note, &world.ada)).contains(&"update".to_owned()));
        let away = world.put_away(&note, true).expect(200);
        assert!(!actions(&away).contains(&"update".to_owned()), "{away:?}");
        let refused = world.change(&note, &world.ada).expect_problem(409, "wrong-state");
        assert!(refused.json()["detail"].as_str().unwrap().contains("open"), "{refused:?}");
        // A caller who cannot read the note gets 404.
        world.change(&note, &world.eve).expect_problem(404, "not-found");
        world.put_away(&note, false).expect(200);
        world.change(&note, &world.ada).expect(200);
    }
}

on_both_engines! {
    fn list_holds_exactly_the_readable_notes(engine: Engine) {
        let world = World::new(engine);
        let mut notes = Vec::new();
        for number in 0..12 {
            let note = world.write(&world.ada, &format!("Coat {number:02}"));
            if number % 3 == 0 {
                world.share(&note, &world.bob.id, number % 2 == 0).expect(204);
            }
            notes.push(note);
        }
        notes.push(world.write(&world.bob, "Hat"));
        let moderator = world.server.admin();
        for by in [&world.ada, &world.bob, &world.eve, &moderator] {
            let readable: Vec<&String> =
                notes.iter().filter(|note| world.read(note, by).status == 200).collect();
            assert_eq!(ids(&world.list(by, "").expect(200)).iter().collect::<Vec<_>>(), readable);
            // In pages of two; hidden notes do not shorten a page.
            let mut found = Vec::new();
            let mut query = "?limit=2".to_owned();
            loop {
                let page = world.list(by, &query).expect(200);
                let next = page.json()["next"].as_str().map(str::to_owned);
                let on_page = ids(&page);
                assert!(next.is_none() || on_page.len() == 2, "{page:?}");
                found.extend(on_page);
                let Some(next) = next else { break };
                query = format!("?limit=2&cursor={next}");
            }
            assert_eq!(found.iter().collect::<Vec<_>>(), readable);
        }
    }
}

on_both_engines! {
    fn list_sorts_and_filters_by_declared_columns(engine: Engine) {
        let world = World::new(engine);
        let [b, a] = ["B", "A"].map(|title| world.write(&world.ada, title));
        assert_eq!(ids(&world.list(&world.ada, "?sort=title").expect(200)), [a.clone(), b.clone()]);
        assert_eq!(ids(&world.list(&world.ada, "?sort=-title").expect(200)), [b.clone(), a.clone()]);
        let first = world.list(&world.ada, "?sort=-title&limit=1").expect(200);
        let next = first.json()["next"].as_str().unwrap().to_owned();
        assert_eq!(ids(&world.list(&world.ada, &format!("?sort=-title&limit=1&cursor={next}"))), [a.as_str()]);
        // A cursor is bound to its sort order and its user.
        world.list(&world.ada, &format!("?sort=title&cursor={next}")).expect_problem(400, "invalid-cursor");
        world.list(&world.bob, &format!("?sort=-title&cursor={next}")).expect_problem(400, "invalid-cursor");
        world.put_away(&a, true).expect(200);
        assert_eq!(ids(&world.list(&world.ada, "?archived=true").expect(200)), [a]);
        assert_eq!(ids(&world.list(&world.ada, "?archived=false").expect(200)), [b]);
        for query in ["?archived=maybe", "?sort=text", "?text=x", "?limit=0"] {
            world.list(&world.ada, query).expect_problem(400, "invalid-query");
        }
    }
}

on_both_engines! {
    fn verdict_is_visible_to_moderators_only(engine: Engine) {
        let world = World::new(engine);
        let moderator = world.server.admin();
        let note = world.write(&world.ada, "Coats");
        let verdict = |token: &str| {
            let request = world.server.put(&format!("/notes/{note}/verdict")).bearer(token);
            request.json(&json!({ "verdict": "harmless" })).send()
        };
        verdict(&world.ada.token).expect_problem(403, "insufficient-scope");
        assert_eq!(verdict(&moderator.token).expect(200).json()["verdict"], "harmless");
        assert_eq!(world.read(&note, &moderator).json()["verdict"], "harmless");
        assert_eq!(world.read(&note, &world.ada).json().get("verdict"), None);
        assert_eq!(world.list(&world.ada, "").json()["items"][0].get("verdict"), None);
        // A filter does not reveal the verdict either.
        world.list(&world.ada, "?verdict=harmless").expect_problem(403, "insufficient-scope");
        assert_eq!(ids(&world.list(&moderator, "?verdict=harmless").expect(200)), [note.as_str()]);
        // A change by the owner keeps the verdict.
        world.change(&note, &world.ada).expect(200);
        assert_eq!(world.read(&note, &moderator).json()["verdict"], "harmless");
    }
}

on_both_engines! {
    fn checks_versions_and_members(engine: Engine) {
        let world = World::new(engine);
        let note = world.write(&world.ada, "Coats");
        let path = format!("/notes/{note}");
        let read = world.read(&note, &world.ada).expect(200);
        let patch = |body: Value| world.server.patch(&path).bearer(&world.ada.token).json(&body);
        patch(json!({ "title": "Hats" })).send().expect_problem(428, "precondition-required");
        patch(json!({ "title": "Hats" })).if_match(read.etag()).send().expect(200);
        patch(json!({ "title": "Hats" })).if_match(read.etag()).send().expect_problem(412, "precondition-failed");
        let known = world.server.get(&path).bearer(&world.ada.token);
        let tag = world.read(&note, &world.ada).etag().to_owned();
        known.header("if-none-match", &tag).send().expect(304);
        for (body, pointer) in [
            (json!({ "owner_id": world.bob.id }), "/owner_id"),
            (json!({ "verdict": "harmless" }), "/verdict"),
            (json!({ "title": null }), "/title"),
            (json!({ "text": "\u{0}" }), "/text"),
        ] {
            let answer = patch(body).if_match("*").send().expect_problem(422, "invalid-body");
            assert_eq!(answer.broken_rules()[0].0, pointer, "{answer:?}");
        }
    }
}

on_both_engines! {
    fn client_owns_no_notes_but_can_count_them(engine: Engine) {
        let world = World::new(engine);
        world.write(&world.ada, "Coats");
        let writer = db_client_token(&world.server, "writer", "notes:read notes:write");
        let note = json!({ "title": "Coats", "text": "None." });
        world.server.post("/notes").bearer(&writer).json(&note).send().expect_problem(403, "not-owner");
        world.server.get("/notes").bearer(&writer).send().expect_problem(403, "not-owner");
        let counter = db_client_token(&world.server, "counter", "notes:count");
        let count = world.server.get("/note-count");
        assert_eq!(count.bearer(&counter).send().expect(200).json()["notes"], 1);
        world.server.get("/note-count").bearer(&world.ada.token).send().expect_problem(403, "insufficient-scope");
    }
}

on_both_engines! {
    fn changes_are_in_the_owners_audit_trail(engine: Engine) {
        let world = World::new(engine);
        let note = world.write(&world.ada, "Coats");
        world.share(&note, &world.bob.id, true).expect(204);
        world.change(&note, &world.bob).expect(200);
        let trail = world.server.get("/users/me/audit").bearer(&world.ada.token).send().expect(200).json();
        let changes: Vec<(&str, &str)> = trail["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["resource"] == "note" && entry["outcome"] == "done")
            .map(|entry| (entry["action"].as_str().unwrap(), entry["actor"].as_str().unwrap()))
            .collect();
        let (ada, bob) = (format!("user:{}", world.ada.id), format!("user:{}", world.bob.id));
        assert_eq!(changes, [("update", bob.as_str()), ("share", &ada), ("create", &ada)]);
    }
}

on_both_engines! {
    fn deleting_a_user_deletes_the_notes(engine: Engine) {
        let world = World::new(engine);
        let note = world.write(&world.ada, "Coats");
        world.share(&note, &world.bob.id, false).expect(204);
        world.server.delete("/users/me").bearer(&world.ada.token).send().expect(204);
        world.read(&note, &world.bob).expect_problem(404, "not-found");
    }
}

#[test]
fn openapi_describes_notes() {
    let app = app();
    assert_eq!(app.faults(), Vec::<String>::new());
    let document = cloakroom::http::openapi_document("notes", app.routes(), app.vocabulary(), "http://x");
    let note = &document["components"]["schemas"]["Note"];
    assert!(note["properties"].get("_actions").is_some() && note["properties"].get("revision").is_none());
    assert_eq!(document["paths"]["/notes/{id}"]["patch"]["x-decision"]["only_while"], "open");
    assert_eq!(document["paths"]["/notes"]["get"]["x-decision"]["related"][1]["name"], "editor");
    let matrix = cloakroom::authz::matrix::as_markdown(&app.matrix());
    assert!(
        matrix.contains(
            "| `PATCH /notes/{id}` | by scope, only while open | notes:write; editor: notes:write | – |"
        ),
        "{matrix}"
    );
}

on_both_engines! {
    fn u0000_is_a_broken_rule_in_each_text(engine: Engine) {
        let world = World::new(engine);
        let note = world.write(&world.ada, "Coats");
        let post = |body: Value| world.server.post("/notes").bearer(&world.ada.token).json(&body).send();
        let patch = |body: Value| world.server.patch(&format!("/notes/{note}")).bearer(&world.ada.token).if_match("*").json(&body).send();
        for answer in [
            post(json!({ "title": "a\0", "text": "b" })),
            post(json!({ "title": "a", "text": "\0" })),
            patch(json!({ "title": "\0a" })),
        ] {
            let answer = answer.expect_problem(422, "invalid-body");
            assert_eq!(answer.broken_rules()[0].1, "control-character", "{answer:?}");
        }
        assert_eq!(post(json!({ "title": "a", "text": "b", "c\0": 1 })).expect_problem(422, "invalid-body").broken_rules()[0].1, "unknown");
        world.list(&world.ada, "?title=a%00").expect_problem(400, "invalid-query");
        world.read("%00", &world.ada).expect_problem(404, "not-found");
        // The members of cloakroom's own bodies, among them a nested value.
        let ada = &world.ada;
        let own = |body: Value| world.server.patch(&format!("{}/profile", ada.path())).bearer(&ada.token).if_match("*").json(&body).send();
        for body in [json!({ "bio": "a\0" }), json!({ "locale": "\0" }), json!({ "website": "https://a.example/\0" })] {
            own(body).expect_problem(422, "invalid-body");
        }
        let jwks = json!({ "keys": [{ "kty": "EC", "use": "a\0" }] });
        let client = json!({ "client_id": "a\0", "client_name": "\0", "scope": "users:read\0", "redirect_uris": ["https://a.example/\0"], "jwks": jwks });
        let admin = world.server.person_with_roles("root", &["admin"]);
        let refused = world.server.post("/clients").bearer(&admin.token).json(&client).send().expect_problem(422, "invalid-body");
        let pointers: Vec<String> = refused.broken_rules().into_iter().map(|(pointer, _)| pointer).collect();
        for pointer in ["/client_id", "/client_name", "/scope", "/redirect_uris/0", "/jwks"] {
            assert!(pointers.iter().any(|broken| broken == pointer), "{pointer}: {refused:?}");
        }
        assert!((400..500).contains(&world.share(&note, "%00", false).status));
    }
}

fn label(server: &Server, by: &Person, name: &str) -> String {
    let body = json!({ "name": name, "colour": "blue" });
    let made = server.post("/users/me/labels").bearer(&by.token).json(&body).send().expect(201);
    let (location, id) =
        (made.header("location").unwrap().to_owned(), made.json()["id"].as_str().unwrap().to_owned());
    assert!(location.ends_with(&format!("/users/me/labels/{id}")), "{location}");
    id
}

on_both_engines! {
    fn label_below_another_user_is_refused_before_the_look_up(engine: Engine) {
        let World { server, ada, bob, .. } = World::new(engine);
        let (label, missing) = (label(&server, &ada, "Winter"), "01890a5d-ac96-774b-bcce-b302099a8057");
        let below = |user: &str, label: &str| format!("/users/{user}/labels/{label}");
        let ask = |path: &str| server.get(path).bearer(&bob.token).send().expect_problem(403, "not-owner");
        for path in [below(&ada.id, &label), below(&ada.id, missing), below(&ada.id, "x"), below(missing, &label)] {
            assert_eq!(without_ids(&ask(&path)), without_ids(&ask(&below(&ada.id, &label))), "{path}");
        }
        // The label is not his, whatever the path says.
        for id in [&label, missing, "x"] {
            server.get(&below("me", id)).bearer(&bob.token).send().expect_problem(404, "not-found");
            server.delete(&below(&bob.id, id)).bearer(&bob.token).send().expect_problem(404, "not-found");
        }
        ask(&format!("/users/{}/labels", ada.id));
        let new = server.post(&format!("/users/{}/labels", ada.id)).bearer(&bob.token);
        let new = new.json(&json!({ "name": "x", "colour": "red" }));
        new.send().expect_problem(403, "not-owner");
        server.get(&below("me", &label)).bearer(&ada.token).send().expect(200);
        server.get(&below(&ada.id, &label)).bearer(&ada.token).send().expect(200);
    }
}

on_both_engines! {
    fn labels_of_one_user_are_listed(engine: Engine) {
        let World { server, ada, bob, .. } = World::new(engine);
        let mine: Vec<String> = ["c", "a", "b"].iter().map(|name| label(&server, &ada, name)).collect();
        let his = label(&server, &bob, "his");
        let page = |by: &Person, path: &str| server.get(path).bearer(&by.token).send().expect(200);
        let first = page(&ada, "/users/me/labels?sort=name&limit=2");
        assert_eq!(ids(&first), [mine[1].clone(), mine[2].clone()]);
        let next = first.json()["next"].as_str().unwrap().to_owned();
        let rest = format!("/users/{}/labels?sort=name&limit=2&cursor={next}", ada.id);
        assert_eq!(ids(&page(&ada, &rest)), [mine[0].clone()]);
        // A reader of all labels sees those of the user in the path, and no other user's; each look is in the trail.
        let admin = server.admin();
        assert_eq!(ids(&page(&admin, &format!("/users/{}/labels", bob.id))), std::slice::from_ref(&his));
        assert_eq!(ids(&page(&admin, "/users/me/labels")), Vec::<String>::new());
        server.get(&format!("/users/{}/labels/{his}", bob.id)).bearer(&admin.token).send().expect(200);
        let wrong = format!("/users/{}/labels/{his}", ada.id);
        server.get(&wrong).bearer(&admin.token).send().expect_problem(404, "not-found");
        let missing = "/users/01890a5d-ac96-774b-bcce-b302099a8057/labels";
        server.get(missing).bearer(&admin.token).send().expect_problem(404, "not-found");
        let trail = page(&bob, "/users/me/audit").json();
        let looks = trail["items"].as_array().unwrap().iter().filter(|entry| entry["resource"] == "label");
        let mut actions: Vec<&str> = looks.map(|entry| entry["action"].as_str().unwrap()).collect();
        actions.sort_unstable();
        assert_eq!(actions, ["create", "list", "read"], "{trail}");
    }
}

on_both_engines! {
    fn numbers_and_enumerations_are_read_strictly(engine: Engine) {
        let World { server, ada, .. } = World::new(engine);
        let label = format!("/users/me/labels/{}", label(&server, &ada, "Winter"));
        let patch = |patch: Value| server.patch(&label).bearer(&ada.token).if_match("*").json(&patch).send();
        let changed = patch(json!({ "colour": "green", "uses": 3.0 })).expect(200).json();
        assert_eq!((&changed["colour"], &changed["uses"]), (&json!("green"), &json!(3)));
        for (body, code) in [
            (json!({ "colour": "Green" }), "unknown-value"),
            (json!({ "colour": null }), "required"),
            (json!({ "uses": 1_000_001 }), "out-of-range"),
            (json!({ "uses": "3" }), "wrong-type"),
        ] {
            let errors = patch(body.clone()).expect_problem(422, "invalid-body").json()["errors"].clone();
            assert_eq!(errors[0]["code"], code, "{body}");
        }
        let list = |query: &str| server.get(&format!("/users/me/labels?{query}")).bearer(&ada.token).send();
        assert_eq!(ids(&list("colour=green&sort=-uses").expect(200)).len(), 1);
        assert_eq!(ids(&list("colour=blue").expect(200)).len(), 0);
        list("colour=pink").expect_problem(400, "invalid-query");
    }
}
