//! OpenID AuthZEN Authorization API 1.0: gateways and other services request decisions.

use serde_json::{Value, json};

use crate::support::{Answer, Server, on_both_engines};

const BOTH: &str = "authz:explain users:read:any clients:read";

fn ask(server: &Server, token: &str, request: &Value) -> Answer {
    server.post("/access/v1/evaluation").bearer(token).json(request).send()
}

fn user(id: &str) -> Value {
    json!({ "type": "user", "id": id })
}

on_both_engines! {
    fn evaluates_routes_and_actions_on_records(server) {
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let gateway = server.client_token("gateway", BOTH);
        let route = |who: &str, method: &str, path: &str| {
            let request = json!({ "subject": user(who), "action": { "name": method }, "resource": { "type": "route", "id": path } });
            ask(&server, &gateway, &request).expect(200).json()
        };
        let record = |who: &str, action: &str, id: &str| {
            let request = json!({ "subject": user(who), "action": { "name": action }, "resource": user(id) });
            ask(&server, &gateway, &request).expect(200).json()
        };
        assert_eq!(route(&ada.id, "GET", &ada.path())["decision"], true);
        assert_eq!(route(&ada.id, "GET", &format!("{}?x=y", bob.path()))["decision"], false);
        assert_eq!(record(&ada.email, "delete", &ada.id)["decision"], true);
        let refused = record(&ada.email, "delete", &bob.id);
        assert_eq!((&refused["decision"], &refused["context"]["reason"]), (&json!(false), &json!("not-owner")));
        assert_eq!(refused["context"]["explanation"]["decided_by"], "owner");
        // Unknown parties and actions are denied.
        for request in [route(&ada.id, "GET", "/nowhere"), record(&ada.id, "fly", &ada.id), record("nobody@example.com", "read", &ada.id)] {
            assert_eq!((&request["decision"], &request["context"]["explanation"]), (&json!(false), &Value::Null), "{request}");
        }
    }

    fn denies_for_records_the_asker_cannot_read(server) {
        let ada = server.register("ada");
        let gateway = server.client_token("gateway", "authz:explain");
        let request = json!({ "subject": user(&ada.id), "action": { "name": "read" }, "resource": user(&ada.id) });
        let answer = ask(&server, &gateway, &request).expect(200).json();
        assert_eq!(answer, json!({ "decision": false, "context": { "reason": "unknown-subject-or-resource" } }));
        let reader = server.log_in_for(&ada.email, Some("users:read"));
        ask(&server, &reader, &request).expect_problem(403, "insufficient-scope");
    }

    fn evaluates_batches_with_short_circuit(server) {
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let gateway = server.client_token("gateway", BOTH);
        let several = |semantic: Option<&str>| {
            let mut request = json!({
                "subject": user(&ada.id),
                "action": { "name": "read" },
                "evaluations": [{ "resource": user(&ada.id) }, { "resource": user(&bob.id) }, { "resource": user(&ada.id), "action": { "name": "delete" } }],
            });
            if let Some(semantic) = semantic {
                request["options"] = json!({ "evaluations_semantic": semantic });
            }
            let answer = server.post("/access/v1/evaluations").bearer(&gateway).json(&request).send().expect(200).json();
            let evaluations = answer["evaluations"].as_array().unwrap().iter();
            evaluations.map(|evaluation| evaluation["decision"].as_bool().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(several(None), [true, false, true]);
        assert_eq!(several(Some("execute_all")), [true, false, true]);
        assert_eq!(several(Some("deny_on_first_deny")), [true, false]);
        assert_eq!(several(Some("permit_on_first_permit")), [true]);
        // Without a list, the request is a single evaluation.
        let one = json!({ "subject": user(&ada.id), "action": { "name": "read" }, "resource": user(&ada.id) });
        let answer = server.post("/access/v1/evaluations").bearer(&gateway).json(&one).send().expect(200).json();
        assert_eq!(answer["decision"], true);
    }

    fn refuses_an_incomplete_request(server) {
        let gateway = server.client_token("gateway", BOTH);
        let broken = |path: &str, request: Value| {
            server.post(path).bearer(&gateway).json(&request).send().expect_problem(422, "invalid-body").broken_rules()
        };
        let rule = |pointer: &str, code: &str| (pointer.to_owned(), code.to_owned());
        let lacking = json!({ "subject": "ada", "action": { "name": "read" }, "context": {} });
        assert_eq!(broken("/access/v1/evaluation", lacking), [rule("/subject", "not-an-object"), rule("/resource", "required")]);
        let each = json!({ "action": { "name": "read" }, "evaluations": [{ "resource": user("x") }] });
        assert_eq!(broken("/access/v1/evaluations", each), [rule("/evaluations", "incomplete")]);
        let many = json!({ "evaluations": vec![json!({}); 101] });
        assert_eq!(broken("/access/v1/evaluations", many)[0], rule("/evaluations", "not-a-list"));
    }

    fn metadata_lists_the_endpoints(server) {
        let metadata = server.get("/.well-known/authzen-configuration").send().expect(200).json();
        assert_eq!(metadata["policy_decision_point"], server.url);
        assert_eq!(metadata["access_evaluation_endpoint"], format!("{}/access/v1/evaluation", server.url));
        assert_eq!(metadata["access_evaluations_endpoint"], format!("{}/access/v1/evaluations", server.url));
    }
}
