//! Rules with `fresh` (RFC 9470): a caller who authenticated long ago authenticates again.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Person, Request, Server, decoded, on_both_engines};

const LIVES_LONG: (&str, &str) = ("CLOAKROOM_ACCESS_TOKEN_TTL", "1h");
const STALE: &str = "insufficient-user-authentication";

/// Requests of a user that need a recent authentication, none of which changes anything when it is refused.
fn of_owner(server: &Server, own: &Person) -> [Request; 3] {
    let password = json!({ "current_password": PASSWORD, "new_password": "an even stranger passphrase" });
    [
        server.patch(&own.path()).if_match("*").json(&json!({ "email": "new@example.com" })),
        server.put(&format!("{}/password", own.path())).json(&password),
        server.delete(&own.path()),
    ]
}

/// Requests of an administrator that need a recent authentication.
fn of_admin(server: &Server, user: &Person) -> Vec<Request> {
    let path = |part: &str| format!("{}{part}", user.path());
    let client = json!({ "client_id": "app", "client_name": "App", "grant_types": ["client_credentials"], "scope": "users:read" });
    let admin = json!({ "email": "puppet@example.com", "password": PASSWORD, "roles": ["admin"] });
    vec![
        server.put(&path("/roles")).json(&json!({ "roles": ["admin"] })),
        server.put(&path("/status")).json(&json!({ "status": "suspended" })),
        server.put(&path("/password")).json(&json!({ "new_password": "an even stranger passphrase" })),
        server.patch(&path("")).if_match("*").json(&json!({ "email": "new@example.com" })),
        server.delete(&path("")),
        server.post("/users").json(&admin),
        server.post("/clients").json(&client),
        server.patch("/clients/known").if_match("*").json(&json!({ "client_name": "mine" })),
        server.post("/clients/known/secret"),
        server.delete("/clients/known"),
        server.post("/keys/rotate"),
    ]
}

fn authenticate(server: &Server, token: &str, password: &str) -> Answer {
    server
        .post("/sessions/current/authentication")
        .bearer(token)
        .json(&json!({ "password": password }))
        .send()
}

fn token_in(answer: &Answer) -> String {
    answer.json()["access_token"].as_str().expect("an access token").to_owned()
}

on_both_engines! {
    fn stale_owner_and_administrator_are_refused(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[LIVES_LONG]);
        let (ada, admin) = (server.register("ada"), server.admin());
        server.client_token("known", "users:read");
        server.clock.advance(TimeDelta::minutes(10));
        server.patch(&ada.path()).if_match("*").json(&json!({ "email": ada.email })).bearer(&ada.token).send().expect(200);
        server.clock.advance(TimeDelta::seconds(1));
        let own = of_owner(&server, &ada).into_iter().map(|request| request.bearer(&ada.token));
        for request in own.chain(of_admin(&server, &ada).into_iter().map(|request| request.bearer(&admin.token))) {
            let refused = request.send().expect_problem(401, STALE);
            let challenge = refused.header("www-authenticate").unwrap_or_default();
            assert!(challenge.contains(r#"error="insufficient_user_authentication", max_age="600""#), "{challenge}");
            assert!(refused.json()["decision_id"].is_string());
        }
        let read = server.get("/users/me").bearer(&ada.token).send().expect(200).json();
        assert_eq!((&read["email"], &read["roles"]), (&json!(ada.email), &json!(["user"])));
        assert!(read["_actions"]["delete"].is_array() && read["_actions"]["update"] == json!(["email"]), "{read}");
    }

    fn everything_else_is_allowed_to_a_stale_caller(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[LIVES_LONG]);
        let (ada, admin) = (server.register("ada"), server.admin());
        server.clock.advance(TimeDelta::minutes(30));
        let name = json!({ "name": "Ada" });
        server.put(&format!("{}/profile", ada.path())).bearer(&ada.token).json(&name).send().expect(200);
        server.get("/users/me/sessions").bearer(&ada.token).send().expect(200);
        server.get("/users").bearer(&admin.token).send().expect(200);
        let plain = json!({ "email": "plain@example.com", "password": PASSWORD, "roles": ["user"] });
        server.post("/users").bearer(&admin.token).json(&plain).send().expect(201);
        server.delete("/users/me/sessions").bearer(&ada.token).send().expect(204);
    }

    fn authenticating_again_gives_a_fresh_token(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[LIVES_LONG]);
        let ada = server.register("ada");
        let token = server.log_in_for(&ada.email, Some("users:read users:delete"));
        server.clock.advance(TimeDelta::minutes(20));
        server.delete(&ada.path()).bearer(&token).send().expect_problem(401, STALE);

        let wrong = authenticate(&server, &token, "not my password at all").expect_problem(422, "invalid-body");
        assert_eq!(wrong.broken_rules(), [("/password".to_owned(), "wrong-password".to_owned())]);
        let answer = authenticate(&server, &token, PASSWORD).expect(200);
        assert!(answer.json().get("refresh_token").is_none());
        assert_eq!(answer.json()["scope"], "users:delete users:read");
        let (before, now) = (decoded(&token).1, decoded(&token_in(&answer)).1);
        assert_eq!(now["auth_time"], server.clock.now().timestamp());
        assert_eq!((&now["sid"], &now["amr"]), (&before["sid"], &json!(["pwd"])));
        assert_ne!(now["auth_time"], before["auth_time"]);
        server.delete(&ada.path()).bearer(&token).send().expect_problem(401, STALE);
        server.delete(&ada.path()).bearer(&token_in(&answer)).send().expect(204);
    }

    fn refresh_keeps_the_time_of_authentication(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let ada = server.register("ada");
        let login = json!({ "email": ada.email, "password": PASSWORD });
        let session = server.post("/sessions").json(&login).send().expect(200).json();
        let refresh = |session: &Value| {
            let form = [("grant_type", "refresh_token"), ("refresh_token", session["refresh_token"].as_str().unwrap())];
            server.post("/oauth/token").form(&[form.as_slice(), &[("client_id", "cloakroom")]].concat()).send().expect(200)
        };
        server.clock.advance(TimeDelta::minutes(11));
        let refreshed = refresh(&session);
        server.delete(&ada.path()).bearer(&token_in(&refreshed)).send().expect_problem(401, STALE);
        authenticate(&server, &token_in(&refreshed), PASSWORD).expect(200);
        let again = refresh(&refreshed.json());
        server.delete(&ada.path()).bearer(&token_in(&again)).send().expect(204);
    }

    fn only_a_living_session_authenticates_again(engine: Engine) {
        let server = Server::start(engine);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let client = server.client_token("reports", "users:read:any");
        authenticate(&server, &client, PASSWORD).expect_problem(409, "conflict");
        let tokens = app.tokens(&server, &ada, &[]);
        authenticate(&server, tokens["access_token"].as_str().unwrap(), PASSWORD).expect_problem(409, "conflict");
        server.delete("/sessions/current").bearer(&ada.token).send().expect(204);
        authenticate(&server, &ada.token, PASSWORD).expect_problem(401, "invalid-token");
    }

    fn wrong_passwords_are_counted_as_at_a_login(engine: Engine) {
        let server = Server::start(engine);
        let ada = server.register("ada");
        let statuses: Vec<u16> = (0..12).map(|_| authenticate(&server, &ada.token, "not the password").status).collect();
        assert!(statuses.starts_with(&[422]) && statuses.ends_with(&[429]), "{statuses:?}");
        let trail = server.get("/users/me/audit").bearer(&ada.token).send().expect(200).json();
        let is_noted = |entry: &Value| entry["action"] == "authenticate" && entry["reason"] == "wrong-password";
        assert!(trail["items"].as_array().unwrap().iter().any(is_noted), "{trail}");
    }

    fn client_that_acts_for_itself_is_exempt(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[LIVES_LONG]);
        let ada = server.register("ada");
        let clerk = server.client_token("clerk", "users:delete:any");
        server.clock.advance(TimeDelta::minutes(30));
        server.delete(&ada.path()).bearer(&clerk).send().expect(204);
    }

    fn limit_is_a_setting_and_can_be_off(engine: Engine) {
        for (setting, advanced, status) in [("off", 50, 204), ("30m", 29, 204), ("30m", 31, 401), ("1m", 2, 401)] {
            let server = Server::start_with_standing_clock(engine, &[LIVES_LONG, ("CLOAKROOM_STEP_UP", setting)]);
            let ada = server.register("ada");
            server.clock.advance(TimeDelta::minutes(advanced));
            server.delete(&ada.path()).bearer(&ada.token).send().expect(status);
        }
    }

    fn refusal_comes_after_the_scope_and_before_the_lookup(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[LIVES_LONG]);
        let (ada, grace) = (server.register("ada"), server.register("grace"));
        let narrow = server.log_in_for(&ada.email, Some("users:read"));
        server.clock.advance(TimeDelta::minutes(30));
        server.delete(&ada.path()).bearer(&narrow).send().expect_problem(403, "insufficient-scope");
        for path in [grace.path(), "/users/01a22402-c86c-78b6-9132-f292bb4c2acf".to_owned(), "/users/x".to_owned()] {
            server.delete(&path).bearer(&ada.token).send().expect_problem(401, STALE);
        }
    }

    fn explanation_names_the_step(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[LIVES_LONG]);
        let ada = server.register("ada");
        server.clock.advance(TimeDelta::minutes(30));
        let id = server.delete(&ada.path()).bearer(&ada.token).send().expect_problem(401, STALE).json()["decision_id"].clone();
        let admin = server.admin();
        let ask = |body: Value| server.post("/authz/explain").bearer(&admin.token).json(&body).send().expect(200).json();
        let supposed = |caller: Value| json!({ "method": "DELETE", "path": ada.path(), "caller": caller });
        let stale = |stale: bool| supposed(json!({ "user": ada.id, "stale": stale }));
        for why in [ask(json!({ "decision_id": id })), ask(supposed(json!({ "token": ada.token }))), ask(stale(true))] {
            assert_eq!((&why["reason"], &why["decided_by"]), (&json!(STALE), &json!("freshness")), "{why}");
        }
        assert_eq!(ask(stale(false))["allowed"], json!(true));
        let evaluate = |stale: bool| {
            let question = json!({
                "subject": { "type": "user", "id": ada.id, "properties": { "stale": stale } },
                "action": { "name": "DELETE" }, "resource": { "type": "route", "id": ada.path() },
            });
            server.post("/access/v1/evaluation").bearer(&admin.token).json(&question).send().expect(200).json()["decision"].clone()
        };
        assert_eq!((evaluate(true), evaluate(false)), (json!(false), json!(true)));
        for caller in [json!({ "client": "desk", "stale": true }), json!({ "token": ada.token, "stale": false }), json!({ "token": ada.token, "scope": "users:read" })] {
            server.post("/authz/explain").bearer(&admin.token).json(&supposed(caller)).send().expect_problem(422, "invalid-body");
        }
    }
}
