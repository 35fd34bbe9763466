//! Many revocations: a client cannot lengthen the list without end, and a replica starts with a long one.

use serde_json::{Value, json};

use crate::support::{Engine, Server, on_both_engines};

/// Number of single tokens of a user, and of a client for itself, that may be revoked at a time.
const OF_USER: usize = 100;
const OF_CLIENT: usize = 1_000;

fn db_revocations(server: &Server, condition: &str) -> i64 {
    server.db_number(&format!("SELECT count(*) AS total FROM revocations WHERE {condition}"))
}

/// Inserts revocations of single tokens, which end in a year.
fn db_revoke(server: &Server, owner: &str, count: usize) {
    let until = match server.engine {
        Engine::Sqlite => "(CAST(strftime('%s', 'now') AS INTEGER) + 31536000) * 1000000",
        Engine::Postgres => "now() + interval '1 year'",
    };
    server.db_run(&format!(
        "INSERT INTO revocations (kind, subject, epoch, until, owner)
         WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {count})
         SELECT 'token', 'of {owner} ' || n, 0, {until}, '{owner}' FROM t"
    ));
}

/// Registers a service. Returns a function that gets its tokens, and one that revokes one of them.
fn service(server: &Server) -> (impl Fn() -> String, impl Fn(&str)) {
    let made =
        server.operator(&["clients", "create", "--id", "robot", "--scope", "audit:read:any", "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let secret = made["client_secret"].as_str().unwrap().to_owned();
    let (post, of_revocation) = (|path: &str| server.post(path), secret.clone());
    let token = move || {
        let form = [("grant_type", "client_credentials")];
        post("/oauth/token").basic("robot", &secret).form(&form).send().expect(200).json()["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let revoke = move |token: &str| {
        post("/oauth/revoke").basic("robot", &of_revocation).form(&[("token", token)]).send().expect(200);
    };
    (token, revoke)
}

on_both_engines! {
    fn service_that_revokes_too_many_tokens_loses_all_of_them(server) {
        let (token, revoke) = service(&server);
        let works = |token: &str| server.get("/audit").bearer(token).send().status == 200;
        let (one, other) = (token(), token());
        revoke(&one);
        revoke(&one);
        assert!(!works(&one) && works(&other), "a single revocation");
        assert_eq!(db_revocations(&server, "owner = 'client:robot' AND kind = 'token'"), 1, "the second is of a revoked token");
        db_revoke(&server, "client:robot", OF_CLIENT - 1);
        let (one, other) = (token(), token());
        revoke(&one);
        assert!(!works(&one) && !works(&other), "all tokens of before");
        let replica = server.replica();
        for _ in 0..3 {
            let next = token();
            assert!(works(&next), "a token of afterwards");
            replica.get("/audit").bearer(&next).send().expect(200);
            revoke(&next);
            assert!(!works(&next));
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let of_client = i64::try_from(OF_CLIENT).unwrap();
        assert_eq!(db_revocations(&server, "owner = 'client:robot'"), of_client + 1);
        assert_eq!(replica.get("/audit").bearer(&other).send().status, 401);
    }

    fn user_whose_tokens_are_revoked_too_often_refreshes_them(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read offline_access"));
        let bob = server.register("bob");
        let tokens = app.tokens(&server, &ada, &[]);
        let text = |tokens: &Value, name: &str| tokens[name].as_str().unwrap().to_owned();
        let works = |token: &str| server.get("/users/me").bearer(token).send().status == 200;
        db_revoke(&server, &format!("user:{}", ada.id), OF_USER);
        app.post(&server, "/oauth/revoke", &[("token", &*text(&tokens, "access_token"))]).expect(200);
        assert!(!works(&text(&tokens, "access_token")) && !works(&ada.token), "all access tokens of the user");
        assert!(works(&bob.token), "no other user");
        let next = app.refresh(&server, &text(&tokens, "refresh_token")).expect(200).json();
        assert!(works(&text(&next, "access_token")), "the sessions go on");
        // A later change of the roles begins an epoch of its own.
        let admin = server.admin();
        server.put(&format!("{}/roles", ada.path())).bearer(&admin.token).json(&json!({ "roles": ["support"] })).send().expect(200);
        assert!(!works(&text(&next, "access_token")), "the roles changed");
    }

    fn replica_starts_with_a_long_list_of_revocations(server) {
        let ada = server.register("ada");
        let (_, claims) = crate::support::decoded(&ada.token);
        db_revoke(&server, "client:others", 45_000);
        server.db_run(&format!(
            "INSERT INTO revocations (kind, subject, epoch, until)
             SELECT 'token', '{}', 0, max(until) FROM revocations", claims["jti"].as_str().unwrap()
        ));
        let replica = server.replica();
        replica.get("/users/me").bearer(&ada.token).send().expect(401);
        server.eventually_refuses(&ada.token);
    }
}
