//! Many revocations: a client cannot lengthen the list without end, and a replica starts with a long one.

use serde_json::{Value, json};

use crate::support::{Engine, PASSWORD, Server, on_both_engines};

/// Number of sessions of a user that may be revoked one by one at a time.
const SESSIONS: usize = 1_000;

/// Number of single tokens of a user, and of a client for itself, that may be revoked at a time.
const OF_USER: usize = 100;
const OF_CLIENT: usize = 1_000;

fn db_revocations(server: &Server, condition: &str) -> i64 {
    server.db_number(&format!("SELECT count(*) AS total FROM revocations WHERE {condition}"))
}

/// Inserts revocations of single tokens, which end in a year.
fn db_revoke(server: &Server, owner: &str, count: usize) {
    db_revoke_each(server, "token", owner, count);
}

fn db_revoke_each(server: &Server, kind: &str, owner: &str, count: usize) {
    let until = match server.engine {
        Engine::Sqlite => "(CAST(strftime('%s', 'now') AS INTEGER) + 31536000) * 1000000",
        Engine::Postgres => "now() + interval '1 year'",
    };
    server.db_run(&format!(
        "INSERT INTO revocations (kind, subject, epoch, until, owner)
         WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {count})
         SELECT '{kind}', 'of {owner} ' || n, 0, {until}, '{owner}' FROM t"
    ));
}

/// Inserts sessions of a user with this server's own client until there are 100. They began after those that exist.
fn db_sessions_until_full(server: &Server, user: &str) {
    let (id, user) = match server.engine {
        Engine::Sqlite => ("unhex(printf('%032x', n))", format!("x'{}'", user.replace('-', ""))),
        Engine::Postgres => ("lpad(to_hex(n), 32, '0')::uuid", format!("'{user}'")),
    };
    server.db_run(&format!(
        "INSERT INTO sessions (id, user_id, client_id, created_at, last_used_at, expires_at, auth_time, scope)
         WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t
             WHERE n < 100 - (SELECT count(*) FROM sessions WHERE user_id = {user}))
         SELECT {id}, user_id, client_id, created_at, last_used_at, expires_at, auth_time, scope FROM t,
             (SELECT * FROM sessions WHERE user_id = {user} ORDER BY created_at DESC LIMIT 1) AS newest"
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
        assert_eq!(db_revocations(&server, "owner = 'client:robot' OR subject = 'robot'"), of_client + 1);
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

    fn user_who_logs_out_too_often_loses_all_access_tokens(server) {
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        let of_sessions = format!("owner = 'user:{}' AND kind = 'session'", ada.id);
        let works = |token: &str| server.get("/users/me").bearer(token).send().status == 200;
        let log_out = |token: &str| drop(server.delete("/sessions/current").bearer(token).send().expect(204));
        log_out(&server.log_in(&ada.email));
        assert!(works(&ada.token), "a single revocation");
        assert_eq!(db_revocations(&server, &of_sessions), 1);
        db_revoke_each(&server, "session", &format!("user:{}", ada.id), SESSIONS - 1);
        let login = server.post("/sessions").json(&json!({ "email": ada.email, "password": PASSWORD })).send().expect(200).json();
        let replica = server.replica();
        for _ in 0..3 {
            log_out(&server.log_in(&ada.email));
        }
        assert_eq!(db_revocations(&server, &of_sessions), i64::try_from(SESSIONS).unwrap());
        assert_eq!(db_revocations(&server, &format!("subject = '{}'", ada.id)), 1, "one row for all");
        assert!(!works(&ada.token) && works(&bob.token), "all access tokens of the user");
        replica.eventually_refuses(&ada.token);
        let form = [("grant_type", "refresh_token"), ("refresh_token", login["refresh_token"].as_str().unwrap()), ("client_id", "cloakroom")];
        let next = server.post("/oauth/token").form(&form).send().expect(200).json();
        assert!(works(next["access_token"].as_str().unwrap()), "the sessions go on");
    }

    fn login_that_ends_the_oldest_session_ends_no_other(server) {
        let ada = server.register("ada");
        let tokens: Vec<String> = (0..3).map(|_| server.log_in(&ada.email)).collect();
        let works = |token: &str| server.get("/users/me").bearer(token).send().status == 200;
        db_sessions_until_full(&server, &ada.id);
        db_revoke_each(&server, "session", &format!("user:{}", ada.id), SESSIONS);
        let sets = format!("subject = '{}' AND part IS NOT NULL", ada.id);
        let replica = server.replica();
        // The first two are the token of the registration and the first login.
        let first = server.log_in(&ada.email);
        assert!(!works(&ada.token) && tokens.iter().all(|token| works(token)) && works(&first));
        let second = server.log_in(&ada.email);
        assert!(!works(&tokens[0]) && tokens[1..].iter().all(|token| works(token)) && works(&first) && works(&second));
        assert_eq!(db_revocations(&server, &sets), 1, "the later one includes the earlier one");
        assert_eq!(db_revocations(&server, &format!("subject = '{}' AND kind = 'user'", ada.id)), 0);
        replica.eventually_refuses(&tokens[0]);
        replica.get("/users/me").bearer(&tokens[1]).send().expect(200);
    }

    fn change_of_a_user_leaves_one_revocation(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        for status in ["suspended", "active", "suspended", "active"] {
            server.put(&format!("{}/status", ada.path())).bearer(&admin.token).json(&json!({ "status": status })).send().expect(200);
        }
        assert_eq!(db_revocations(&server, &format!("subject = '{}'", ada.id)), 1);
        server.get("/users/me").bearer(&ada.token).send().expect(401);
        server.get("/users/me").bearer(&server.log_in(&ada.email)).send().expect(200);
    }

    fn used_code_is_revoked_once_however_often_it_is_sent(server) {
        let (ada, app) = (server.register("ada"), server.public_application("spa", "openid users:read"));
        let code = app.code(&server, &ada, &[]);
        let tokens = app.redeem(&server, &code).expect(200).json();
        for _ in 0..5 {
            app.redeem(&server, &code).expect(400);
        }
        assert_eq!(db_revocations(&server, "kind = 'session'"), 1);
        server.get("/users/me").bearer(tokens["access_token"].as_str().unwrap()).send().expect(401);
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
