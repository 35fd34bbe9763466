//! Each route whose request has a body, from the OpenAPI document, so that a new route is tested too.

use serde_json::{Value, json};

use super::actors::METRICS;
use crate::notes;
use crate::support::{Person, Request, Server, on_both_engines};

/// Operation with a body, for callers with an access token.
struct Operation {
    method: String,
    path: String,
    media: String,
    body: Value,
}

fn operations(server: &Server) -> Vec<Operation> {
    let document = server.get("/openapi.json").send().expect(200).json();
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let Some(content) = operation["requestBody"]["content"].as_object() else { continue };
            let (media, content) = content.iter().next().expect("a media type");
            let answers = operation["responses"].as_object().expect("answers");
            if operation["security"] == json!([]) || !media.ends_with("json") || !answers.contains_key("401")
            {
                continue;
            }
            let body = content["example"].clone();
            let (method, path, media) = (method.to_uppercase(), path.clone(), media.clone());
            found.push(Operation { method, path, media, body });
        }
    }
    found
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Returns the request of this caller, on records that the caller may change.
    fn request(&self, server: &Server, caller: &Person, number: usize) -> Request {
        let (mut path, mut body) = (self.path.clone(), self.body.clone());
        // Labels are below their owner.
        if path.starts_with("/users/{id}/labels") {
            path = path.replace("{id}", &caller.id);
        }
        if path.contains("{label}") {
            path = path.replace("{label}", &label(server, caller));
        }
        if let Some((collection, rest)) = path.clone().split_once("/{id}") {
            path = format!("{collection}/{}{rest}", record(server, collection, caller, number));
        }
        if path.contains("{user}") {
            path = path.replace("{user}", &server.register(&format!("other-{number}")).id);
        }
        assert!(!path.contains('{'), "{}: this test knows no such parameter", self.name());
        match self.name().as_str() {
            "POST /users" => body["roles"] = json!(["admin"]),
            "POST /clients" => body["client_id"] = format!("made-{number}").into(),
            "PUT /users/{id}/password" => body = json!({ "new_password": "an even stranger passphrase" }),
            _ => {}
        }
        if let Some(email) = body.get_mut("email") {
            *email = format!("new-{number}@example.com").into();
        }
        let request = server.request(&self.method, &path).bearer(&caller.token).if_match("*");
        request.body(&self.media, body.to_string())
    }
}

fn label(server: &Server, caller: &Person) -> String {
    let body = json!({ "name": "Winter", "colour": "blue" });
    let made = server.post("/users/me/labels").bearer(&caller.token).json(&body).send().expect(201).json();
    made["id"].as_str().expect("an id").to_owned()
}

/// Makes a record of this collection and returns its id.
fn record(server: &Server, collection: &str, caller: &Person, number: usize) -> String {
    match collection {
        "/users" => server.register(&format!("puppet-{number}")).id,
        "/clients" => {
            let id = format!("puppet-{number}");
            let body = json!({ "client_id": id, "scope": "users:read:any" });
            server.post("/clients").bearer(&caller.token).json(&body).send().expect(201);
            id
        }
        collection => {
            let document = server.get("/openapi.json").send().expect(200).json();
            let content = &document["paths"][collection]["post"]["requestBody"]["content"];
            let body = &content["application/json"]["example"];
            let made = server.post(collection).bearer(&caller.token).json(body).send().expect(201).json();
            made["id"].as_str().expect("an id").to_owned()
        }
    }
}

/// Returns what an administrator sees of the records that the requests of this test change, and of what the
/// actor did. The administrator's own reads are in the trail too.
fn state(server: &Server, admin: &Person, actor: &Person) -> Vec<Value> {
    let read = |path: &str| server.get(path).bearer(&admin.token).send().expect(200).json()["items"].clone();
    let done = format!("/audit?outcome=done&actor=user:{}&limit=100", actor.id);
    vec![read("/users?limit=100"), read("/clients?limit=100"), read(&done)]
}

on_both_engines! {
    fn no_route_with_a_body_outlives_a_revocation(engine: Engine) {
        let server = Server::start_app_with(engine, notes::app, METRICS);
        let admin = server.admin();
        let operations = operations(&server);
        let names: Vec<String> = operations.iter().map(Operation::name).collect();
        for known in ["POST /users", "PATCH /users/{id}", "PUT /users/{id}/roles", "POST /clients", "POST /notes"] {
            assert!(names.iter().any(|name| name == known), "{known} is not among {names:?}");
        }
        for (number, operation) in operations.iter().enumerate() {
            let actor = server.person_with_roles(&format!("actor-{number}"), &["admin", "user"]);
            let request = operation.request(&server, &actor, number);
            let begun = server.begin(&request);
            let status = server.put(&format!("{}/status", actor.path())).bearer(&admin.token);
            status.json(&json!({ "status": "suspended" })).send().expect(200);
            let before = state(&server, &admin, &actor);
            let answer = begun.finish();
            assert_eq!(answer.status, 401, "{}: {answer:?}", operation.name());
            assert_eq!(state(&server, &admin, &actor), before, "{}", operation.name());
        }
    }

    fn each_route_with_a_body_accepts_the_request_of_this_test(engine: Engine) {
        let server = Server::start_app_with(engine, notes::app, METRICS);
        for (number, operation) in operations(&server).iter().enumerate() {
            let actor = server.person_with_roles(&format!("actor-{number}"), &["admin", "user"]);
            let answer = server.begin(&operation.request(&server, &actor, number)).finish();
            assert!(answer.status < 400, "{}: {answer:?}", operation.name());
        }
    }
}
