//! Predictions: the explanation of a request in advance equals the answer that the request then gets.

use serde_json::{Value, json};

use super::{admin, ask, because, steps};
use crate::notes;
use crate::support::{Answer, Server, on_both_engines};

/// Returns the problem code with which the server refuses the request, if it does.
fn refused(answer: &Answer) -> Option<String> {
    let code = answer.json()["code"].as_str().map(str::to_owned);
    code.filter(|_| matches!(answer.status, 401 | 403 | 404))
}

/// Predicts a request, sends it and compares the two.
#[track_caller]
fn compare_prediction(server: &Server, root: &str, token: Option<&str>, method: &str, path: &str) -> Value {
    let mut question = json!({ "method": method, "path": path });
    if let Some(token) = token {
        question["caller"] = json!({ "token": token });
    }
    let why = ask(server, root, &question).expect(200).json();
    let request = server.request(method, path);
    let request = match token {
        Some(token) => request.bearer(token),
        None => request,
    };
    let answer = request.send();
    let told = refused(&answer);
    assert_eq!(why["reason"].as_str().map(str::to_owned), told, "{method} {path}: {why} and {answer:?}");
    assert_eq!(why["allowed"], told.is_none(), "{method} {path}: {why}");
    why
}

on_both_engines! {
    fn prediction_equals_the_answer_for_every_caller(server) {
        let (ada, bob, root) = (server.register("ada"), server.register("bob"), server.admin());
        let support = server.person_with_roles("support", &["support"]);
        let narrow = server.log_in_for(&ada.email, Some("profiles:read"));
        let own = server.client_token("own", "users:read profiles:read audit:read");
        let any = server.client_token("any", "users:read:any profiles:read:any clients:read");
        let forged = format!("{}A", ada.token);
        let everybody = [
            None,
            Some(forged.as_str()),
            Some(&narrow),
            Some(&ada.token),
            Some(&bob.token),
            Some(&support.token),
            Some(&root.token),
            Some(&own),
            Some(&any),
        ];
        let missing = "/users/01890a5d-ac96-774b-bcce-b302099a8057";
        let paths = [
            ada.path(),
            format!("{}/profile", ada.path()),
            format!("{}/sessions", ada.path()),
            format!("{}/audit", ada.path()),
            "/users/me".to_owned(),
            "/users/me/profile".to_owned(),
            "/users/not-an-id".to_owned(),
            missing.to_owned(),
            "/users".to_owned(),
            "/clients".to_owned(),
            "/clients/any".to_owned(),
            "/clients/nobody".to_owned(),
            "/audit".to_owned(),
            "/health/live".to_owned(),
            "/authz/matrix".to_owned(),
        ];
        for token in everybody {
            for path in &paths {
                compare_prediction(&server, &root.token, token, "GET", path);
            }
        }
    }

    fn predicts_for_a_named_user_or_client(server) {
        let (ada, root) = (server.register("ada"), admin(&server));
        server.client_token("reports", "users:read:any");
        let allowed = |caller: Value, path: &str| {
            ask(&server, &root, &json!({ "caller": caller, "method": "GET", "path": path })).expect(200).json()
        };
        assert_eq!(allowed(json!({ "user": ada.email }), "/users/me")["allowed"], true);
        assert_eq!(allowed(json!({ "user": ada.id }), &ada.path())["allowed"], true);
        assert_eq!(allowed(json!({ "user": ada.id, "scope": "profiles:read" }), "/users/me")["decided_by"], "scope");
        // No token of the user has a scope that the user's roles do not grant.
        assert_eq!(allowed(json!({ "user": ada.id, "scope": "users:read:any" }), "/users")["decided_by"], "scope");
        assert_eq!(allowed(json!({ "client": "reports" }), &ada.path())["allowed"], true);
        assert_eq!(allowed(json!({ "client": "reports" }), "/users/me")["decided_by"], "owner");
        server.operator(&["users", "suspend", &ada.email]);
        let suspended = allowed(json!({ "user": ada.email }), "/users/me");
        assert_eq!((&suspended["reason"], &suspended["decided_by"]), (&json!("invalid-token"), &json!("token")));
    }

    fn explains_rank_with_the_missing_powers(server) {
        let root = server.admin();
        server.client_token("desk", "users:write:any users:read:any");
        let question = json!({ "caller": { "client": "desk" }, "method": "PUT", "path": format!("{}/password", root.path()) });
        let why = ask(&server, &root.token, &question).expect(200).json();
        assert_eq!((&why["reason"], &why["decided_by"]), (&json!("above-caller"), &json!("rank")));
        let because = because(&why, "rank");
        assert!(because.contains("roles:write") && !because.contains("users:write:any"), "{because}");
    }

    fn explains_what_the_token_lacks_and_what_the_roles_lack(server) {
        let (ada, root) = (server.register("ada"), server.admin());
        let other = server.person_with_roles("other", &["admin", "user"]);
        let list = server.get(&format!("{}/sessions", other.path())).bearer(&root.token).send().expect(200).json();
        let one = format!("{}/sessions/{}", other.path(), list["items"][0]["id"].as_str().unwrap());
        let narrow = server.log_in_for(&root.email, Some("users:read:any users:write:any profiles:write:any roles:write sessions:revoke:any"));
        for (method, path) in [
            ("PUT", format!("{}/roles", other.path())),
            ("PUT", format!("{}/status", other.path())),
            ("PUT", format!("{}/password", other.path())),
            ("PATCH", other.path()),
            ("PATCH", format!("{}/profile", other.path())),
            ("DELETE", format!("{}/sessions", other.path())),
            ("DELETE", one),
        ] {
            let why = compare_prediction(&server, &root.token, Some(&narrow), method, &path);
            assert_eq!((&why["reason"], &why["decided_by"]), (&json!("above-caller"), &json!("rank")), "{method} {path}");
            let because = because(&why, "rank");
            assert!(because.contains("the token does not carry audit:read:any") && !because.contains("roles do not"), "{because}");
            assert!(why["enough"][0].as_str().unwrap().starts_with("a token that also carries audit:read:any"), "{why}");
        }
        let shown = server.get(&other.path()).bearer(&narrow).send().expect(200).json();
        assert_eq!(shown["_actions"], json!({ "read": [] }));
        let reset = server.put(&format!("{}/status", other.path())).bearer(&narrow).json(&json!({ "status": "suspended" }));
        let past = json!({ "decision_id": reset.send().expect_problem(403, "above-caller").json()["decision_id"] });
        crate::support::eventually("the decision is recorded", || ask(&server, &root.token, &past).status == 200);
        let why = ask(&server, &root.token, &past).expect(200).json();
        let because = because(&why, "rank");
        assert!(because.ends_with("the token did not carry audit:read:any, authz:explain, clients:read, clients:write, keys:rotate, profiles:read:any, sessions:read:any, users:create, users:delete:any"), "{because}");
        // A question about a user asks for the whole of that user's powers, unless it names a scope.
        let put = |scope: Value| json!({ "caller": { "user": root.id, "scope": scope }, "method": "PUT", "path": format!("{}/roles", other.path()) });
        assert_eq!(ask(&server, &root.token, &put(json!("roles:write"))).expect(200).json()["reason"], "above-caller");
        assert_eq!(ask(&server, &root.token, &put(Value::Null)).expect(200).json()["allowed"], true);
        server.get(&ada.path()).bearer(&narrow).send().expect(200);
    }
}

on_both_engines! {
    fn explains_a_404_with_its_reason(engine: Engine) {
        let server = Server::start_app(engine, notes::app);
        let (ada, bob, root) = (server.register("ada"), server.register("bob"), admin(&server));
        let note = server.post("/notes").bearer(&ada.token).json(&json!({ "title": "mine", "text": "a" })).send().expect(201);
        let path = format!("/notes/{}", note.json()["id"].as_str().unwrap());
        let why = compare_prediction(&server, &root, Some(&bob.token), "GET", &path);
        assert_eq!((&why["reason"], &why["decided_by"]), (&json!("not-found"), &json!("owner")));
        assert_eq!(why["owner"], format!("user:{}", ada.id));
        let because = because(&why, "owner");
        assert!(because.starts_with(&format!("it belongs to user {}, and the caller is user {}", ada.id, bob.id)), "{because}");
        let missing = compare_prediction(&server, &root, Some(&bob.token), "GET", "/notes/01890a5d-ac96-774b-bcce-b302099a8057");
        assert_eq!((&missing["decided_by"], &missing["owner"]), (&json!("existence"), &Value::Null));
        compare_prediction(&server, &root, Some(&ada.token), "GET", &path);
        // A user with whom the note is shared can read it.
        let share = server.put(&format!("{path}/shares/{}", bob.id)).bearer(&ada.token);
        share.json(&json!({ "may_edit": false })).send().expect(204);
        let why = compare_prediction(&server, &root, Some(&bob.token), "GET", &path);
        assert!(super::because(&why, "owner").contains("the caller is its reader"), "{why}");
    }

    fn reveals_no_record_the_asker_cannot_read(engine: Engine) {
        let server = Server::start_app(engine, notes::app);
        let ada = server.register("ada");
        let gateway = server.client_token("gateway", "authz:explain");
        let note = server.post("/notes").bearer(&ada.token).json(&json!({ "title": "mine", "text": "a" })).send().expect(201);
        let there = format!("/notes/{}", note.json()["id"].as_str().unwrap());
        let question = |path: &str| json!({ "caller": { "token": ada.token }, "method": "GET", "path": path });
        let mut there = ask(&server, &gateway, &question(&there)).expect(200).json();
        let mut missing = ask(&server, &gateway, &question("/notes/01890a5d-ac96-774b-bcce-b302099a8057")).expect(200).json();
        assert_eq!((&there["allowed"], &there["owner"]), (&Value::Null, &Value::Null));
        assert_eq!(steps(&there)[2..], ["owner not-told", "existence not-told", "state not-told", "rank not-told"]);
        there["record"] = json!("");
        missing["record"] = json!("");
        assert_eq!(there, missing, "the answer must not reveal whether the note exists");
        // The same holds for the user named as the caller.
        for user in [ada.email.as_str(), "nobody@example.com"] {
            let question = json!({ "caller": { "user": user }, "method": "GET", "path": "/users" });
            let answer = ask(&server, &gateway, &question).expect_problem(422, "invalid-body");
            assert_eq!(answer.json()["errors"][0]["detail"], "is not a user that you may read");
        }
    }
}
