//! `/audit`: the trail of all users, for callers with the scope for it.

use serde_json::{Value, json};

use crate::support::{Answer, Server, on_both_engines};

fn ask(server: &Server, token: &str, query: &str) -> Answer {
    server.get(&format!("/audit{query}")).bearer(token).send()
}

fn lines(server: &Server, token: &str, query: &str) -> Vec<Value> {
    ask(server, token, query).expect(200).json()["items"].as_array().cloned().unwrap()
}

/// Returns an encoded query string.
fn query(pairs: &[(&str, &str)]) -> String {
    format!("?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

on_both_engines! {
    fn a_time_may_have_a_bare_plus(server) {
        let (ada, support) = (server.register("ada"), server.person_with_roles("support", &["support"]));
        server.get(&ada.path()).bearer(&support.token).send().expect(200);
        for since in ["2020-01-01T00:00:00+01:00", "2020-01-01T00:00:00%2B01:00", "2020-01-01T00:00:00.123456Z"] {
            ask(&server, &support.token, &format!("?since={since}")).expect(200);
            ask(&server, &support.token, &format!("?until={since}")).expect(200);
        }
        for since in ["2020-01-01+00:00:00Z", "2020-1-01T00:00:00Z", "0000-01-01T00:00:00%2B01:00"] {
            ask(&server, &support.token, &format!("?since={since}")).expect_problem(400, "invalid-query");
        }
    }

    fn finds_a_refusal_by_actor_owner_and_reason(server) {
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let support = server.person_with_roles("support", &["support"]);
        let refused = server.delete(&bob.path()).bearer(&ada.token).send().expect_problem(403, "not-owner");
        let decision = refused.json()["decision_id"].clone();
        let of_bob = query(&[("owner", &bob.id), ("outcome", "refused")]);
        let (actor, request) = (format!("user:{}", ada.id), refused.header("x-request-id").unwrap());
        for filter in [
            query(&[("actor", &actor), ("action", "delete")]),
            query(&[("record", &bob.id), ("reason", "not-owner")]),
            query(&[("request_id", request)]),
            query(&[("resource", "user"), ("outcome", "refused"), ("address", "127.0.0.1"), ("client_id", "cloakroom")]),
            of_bob,
        ] {
            let found = lines(&server, &support.token, &filter);
            assert_eq!(found.len(), 1, "{filter}: {found:?}");
            let line = &found[0];
            assert_eq!((&line["id"], &line["decision_id"]), (&decision, &decision));
            assert_eq!((&line["outcome"], &line["reason"]), (&json!("refused"), &json!("not-owner")));
            assert_eq!((&line["actor"], &line["owner"]), (&json!(actor), &json!(bob.id)));
            assert_eq!((&line["route"], &line["address"]), (&json!("DELETE /users/{id}"), &json!("127.0.0.1")));
            assert!(line["scope"].as_str().unwrap().contains("users:delete"));
            assert_eq!(line["jti"], crate::support::decoded(&ada.token).1["jti"]);
        }
    }

    fn needs_the_scope_for_all_trails(server) {
        let ada = server.register("ada");
        ask(&server, &ada.token, "").expect_problem(403, "insufficient-scope");
        server.get("/audit").send().expect_problem(401, "unauthenticated");
        let auditor = server.client_token("auditor", "audit:read:any");
        assert!(!lines(&server, &auditor, "").is_empty());
    }

    fn filters_by_time_and_refuses_unknown_filters(server) {
        server.register("ada");
        let auditor = server.client_token("auditor", "audit:read:any");
        let all = lines(&server, &auditor, "");
        let at = all[0]["at"].as_str().unwrap();
        assert!(lines(&server, &auditor, &query(&[("since", "2100-01-01T00:00:00Z")])).is_empty());
        assert!(lines(&server, &auditor, &query(&[("until", "2000-01-01T00:00:00Z")])).is_empty());
        assert!(!lines(&server, &auditor, &query(&[("since", at)])).is_empty());
        for wrong in ["?outcome=perhaps", "?since=yesterday", "?owner=ada", "?colour=red", "?limit=0", "?actor=a&actor=b"] {
            ask(&server, &auditor, wrong).expect_problem(400, "invalid-query");
        }
    }

    fn pages_are_complete_and_cursor_is_bound_to_its_filters(server) {
        for name in ["a", "b", "c"] {
            server.register(name);
        }
        let auditor = server.client_token("auditor", "audit:read:any");
        let all = lines(&server, &auditor, "?limit=200&action=create");
        let (mut found, mut path, mut cursors) = (Vec::new(), "?limit=2&action=create".to_owned(), Vec::new());
        loop {
            let page = ask(&server, &auditor, &path).expect(200).json();
            found.extend(page["items"].as_array().cloned().unwrap());
            let Some(next) = page["next"].as_str() else { break };
            cursors.push(next.to_owned());
            path = format!("?limit=2&action=create&cursor={next}");
        }
        assert_eq!(found, all);
        ask(&server, &auditor, &format!("?action=delete&cursor={}", cursors[0])).expect_problem(400, "invalid-cursor");
    }

    fn stream_has_every_event_as_a_line(server) {
        let ada = server.register("ada");
        let auditor = server.client_token("auditor", "audit:read:any");
        // More lines than one read of the database returns.
        let name = |number: usize| json!({ "name": format!("Ada {number}") });
        for number in 0..520 {
            server.put("/users/me/profile").bearer(&ada.token).json(&name(number)).send().expect(200);
        }
        let streamed = |query: &str| {
            let request = server.get(&format!("/audit{query}")).bearer(&auditor);
            let answer = request.header("accept", "application/x-ndjson").send().expect(200);
            assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
            let lines = answer.body.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            lines.collect::<Vec<Value>>()
        };
        let updates = streamed("?action=update");
        assert_eq!(updates.len(), 520);
        let ids: Vec<&str> = updates.iter().map(|line| line["id"].as_str().unwrap()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "newest first, without duplicates");
        assert_eq!(streamed("?action=fly"), Vec::<Value>::new());
        let page = lines(&server, &auditor, "?action=update&limit=1");
        assert_eq!(page[0], updates[0]);
    }
}
