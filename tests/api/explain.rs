//! `/authz/explain` and AuthZEN: why a request was refused, and how a request would be decided.

mod authzen;
mod own_evaluations;
mod predictions;

use serde_json::{Value, json};

use crate::support::{Answer, Server, on_both_engines};

/// Returns an administrator's token.
fn admin(server: &Server) -> String {
    server.person_with_roles("root", &["admin", "user"]).token
}

fn ask(server: &Server, token: &str, question: &Value) -> Answer {
    server.post("/authz/explain").bearer(token).json(question).send()
}

/// Returns the explanation of a decision.
fn explained(server: &Server, token: &str, decision: &Value) -> Value {
    ask(server, token, &json!({ "decision_id": decision })).expect(200).json()
}

/// Returns the result of each step.
fn because<'a>(explanation: &'a Value, step: &str) -> &'a str {
    let mut steps = explanation["steps"].as_array().expect("steps").iter();
    let taken = steps.find(|taken| taken["step"] == step).expect("the step");
    taken["because"].as_str().expect("a text")
}

fn steps(explanation: &Value) -> Vec<String> {
    let steps = explanation["steps"].as_array().expect("steps").iter();
    steps
        .map(|step| format!("{} {}", step["step"].as_str().unwrap(), step["outcome"].as_str().unwrap()))
        .collect()
}

on_both_engines! {
    fn explains_the_deciding_step_and_what_suffices(server) {
        let (ada, bob, root) = (server.register("ada"), server.register("bob"), admin(&server));
        let refused = server.delete(&bob.path()).bearer(&ada.token).send().expect_problem(403, "not-owner").json();
        let why = explained(&server, &root, &refused["decision_id"]);
        assert_eq!((&why["allowed"], &why["reason"], &why["decided_by"]), (&json!(false), &json!("not-owner"), &json!("owner")));
        assert_eq!((&why["rule"], &why["route"]), (&json!("delete user"), &json!("DELETE /users/{id}")));
        assert_eq!(why["caller"], format!("user:{}", ada.id));
        assert_eq!((&why["record"], &why["owner"]), (&json!(bob.id), &json!(format!("user:{}", bob.id))));
        assert_eq!(why["request_id"], refused["request_id"]);
        assert_eq!(why["roles"], json!(["user"]));
        assert_eq!(
            steps(&why),
            ["token passed", "scope passed", "freshness passed", "owner failed", "existence not-reached", "state not-reached", "rank not-reached"]
        );
        assert_eq!(why["enough"], json!(["a token with users:delete:any (which admin grants), for everyone's"]));
    }

    fn explains_which_scopes_suffice(server) {
        let (ada, root) = (server.register("ada"), admin(&server));
        let narrow = server.log_in_for(&ada.email, Some("profiles:read"));
        let refused = server.get("/users/me").bearer(&narrow).send().expect_problem(403, "insufficient-scope").json();
        let why = explained(&server, &root, &refused["decision_id"]);
        assert_eq!((&why["decided_by"], &why["scope"]), (&json!("scope"), &json!(["profiles:read"])));
        assert_eq!(
            why["enough"],
            json!([
                "a token with users:read (which admin or user grants), for one's own",
                "a token with users:read:any (which admin or support grants), for everyone's"
            ])
        );
    }

    fn explains_an_invalid_token_to_administrators_only(server) {
        let (ada, root) = (server.register("ada"), admin(&server));
        let (rest, signature) = ada.token.rsplit_once('.').unwrap();
        let forged = format!("{rest}.{}", signature.chars().rev().collect::<String>());
        let refused = server.get("/users/me").bearer(&forged).send().expect_problem(401, "invalid-token");
        assert!(!refused.body.contains("wrong-signature"));
        let why = explained(&server, &root, &refused.json()["decision_id"]);
        assert_eq!((&why["decided_by"], &why["reason"]), (&json!("token"), &json!("invalid-token")));
        assert_eq!(why["steps"][0]["because"], "wrong-signature");
        assert_eq!((&why["caller"], &why["route"]), (&Value::Null, &json!("GET /users/{id}")));
        server.get("/users/me").bearer(&format!("{}x", ada.token)).send().expect_problem(401, "invalid-token");
        // A request without a token has no decision.
        let nobody = server.get("/users/me").send().expect_problem(401, "unauthenticated");
        assert_eq!(nobody.json()["decision_id"], Value::Null);
    }

    fn hides_the_parties_without_the_audit_scope(server) {
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let refused = server.get(&bob.path()).bearer(&ada.token).send().expect_problem(403, "not-owner").json();
        let gateway = server.client_token("gateway", "authz:explain");
        let why = explained(&server, &gateway, &refused["decision_id"]);
        assert_eq!((&why["decided_by"], &why["rule"]), (&json!("owner"), &json!("read user")));
        for member in ["caller", "record", "owner"] {
            assert_eq!(why[member], Value::Null, "{member}");
        }
        assert_eq!((&why["scope"], &why["roles"]), (&json!([]), &json!([])));
    }

    fn explaining_needs_the_scope(server) {
        let ada = server.register("ada");
        let support = server.person_with_roles("support", &["support"]);
        let question = json!({ "method": "GET", "path": "/users/me" });
        ask(&server, &ada.token, &question).expect_problem(403, "insufficient-scope");
        ask(&server, &support.token, &question).expect_problem(403, "insufficient-scope");
        server.post("/authz/explain").json(&question).send().expect_problem(401, "unauthenticated");
    }

    fn refuses_unknown_decisions_and_invalid_questions(server) {
        let root = admin(&server);
        let never = json!({ "decision_id": "01890a5d-ac96-774b-bcce-b302099a8057" });
        ask(&server, &root, &never).expect_problem(404, "not-found");
        let broken = |question: Value| ask(&server, &root, &question).expect_problem(422, "invalid-body").broken_rules();
        let rule = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
        assert_eq!(broken(json!({ "decision_id": "x" }))[0], rule("/decision_id", "not-an-id"));
        assert_eq!(broken(json!({})), [rule("/method", "required"), rule("/path", "required")]);
        assert_eq!(broken(json!({ "method": "GET", "path": "/nowhere" })), [rule("/path", "unknown-path")]);
        assert_eq!(broken(json!({ "method": "PUT", "path": "/users/me" })), [rule("/method", "unknown-method")]);
        let both = json!({ "caller": { "user": "a@example.com", "client": "b" }, "method": "GET", "path": "/users" });
        assert_eq!(broken(both), [rule("/caller", "one-caller")]);
        let nobody = json!({ "caller": { "user": "nobody@example.com" }, "method": "GET", "path": "/users" });
        assert_eq!(broken(nobody), [rule("/caller/user", "unknown-caller")]);
    }

    fn operator_explains_on_the_command_line(server) {
        let (ada, bob, root) = (server.register("ada"), server.register("bob"), admin(&server));
        let refused = server.delete(&bob.path()).bearer(&ada.token).send().expect_problem(403, "not-owner").json();
        explained(&server, &root, &refused["decision_id"]);
        let id = refused["decision_id"].as_str().unwrap();
        let told = server.operator(&["explain", id]);
        for line in ["refused  not-owner", "route    DELETE /users/{id}", "✗ owner", "users:delete:any (which admin grants)"] {
            assert!(told.contains(line), "{told}");
        }
        let why: Value = serde_json::from_str(&server.operator(&["explain", id, "--json"])).unwrap();
        assert_eq!((&why["caller"], &why["decided_by"]), (&json!(format!("user:{}", ada.id)), &json!("owner")));
        let unknown = server.operator_refused(&["explain", "01890a5d-ac96-774b-bcce-b302099a8057"]);
        assert!(unknown.contains("the audit trail has no decision"), "{unknown}");
    }
}
