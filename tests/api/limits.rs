//! Rate limits on registrations and on failed client requests: counted by client or by network across all
//! replicas, and reported to the client. A good request is neither counted nor refused. Also the delay for
//! networks that send forged tokens. `guessing.rs` tests guesses at passwords.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::json;

use crate::query_plans::{as_in_use, explained, heard};
use crate::support::{
    Answer, Application, CALLBACK, Engine, IssuerKey, PASSWORD, Server, VERIFIER, eventually, on_both_engines,
};

/// Delay of the answer to a bad token from a network that has sent many.
const HELD: Duration = Duration::from_secs(1);

/// Number of counters of failures that are kept.
const MOST_EVICTABLE: i64 = 100_000;

const PROXIED: [(&str, &str); 1] = [("CLOAKROOM_TRUSTED_PROXIES", "127.0.0.1")];

fn register(server: &Server, from: &str, name: &str) -> Answer {
    let body = json!({ "email": format!("{name}@example.com"), "password": PASSWORD });
    server.post("/users").header("x-forwarded-for", from).json(&body).send()
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Returns a client that needs no user.
fn reports() -> serde_json::Value {
    json!({ "client_id": "reports", "scope": "users:read:any", "grant_types": ["client_credentials"], "redirect_uris": [] })
}

/// Requests a token with a wrong client secret.
fn fail(server: &Server, from: &str) -> Answer {
    let request = server.post("/oauth/token").header("x-forwarded-for", from).basic("reports", "wrong");
    request.form(&[("grant_type", "client_credentials")]).send()
}

/// Returns the policy's name, the remaining number and the seconds of a `RateLimit` header.
fn left(answer: &Answer) -> (String, i64, i64) {
    let header = answer.header("ratelimit").unwrap_or_else(|| panic!("no RateLimit: {answer:?}"));
    let (name, rest) = header.split_once(";r=").unwrap();
    let (remaining, reset) = rest.split_once(";t=").unwrap();
    (name.trim_matches('"').to_owned(), remaining.parse().unwrap(), reset.parse().unwrap())
}

on_both_engines! {
    fn login_reports_the_remaining_guesses(engine: Engine) {
        let server = Server::start(engine);
        let ada = server.register("ada");
        let guess = |password: &str| server.post("/sessions").json(&json!({ "email": ada.email, "password": password })).send();
        let first = guess("wrong").expect(401);
        assert_eq!(first.header("ratelimit-policy"), Some("\"guesses\";q=10;w=900"));
        let (name, remaining, reset) = left(&first);
        assert_eq!((name.as_str(), remaining), ("guesses", 9));
        assert!((1..=900).contains(&reset), "{reset}");
        assert_eq!(left(&guess("wrong").expect(401)).1, 8);
        assert_eq!(left(&guess(PASSWORD).expect(200)).1, 8, "a correct password does not count");
        for _ in 0..8 {
            guess("wrong").expect(401);
        }
        let refused = guess(PASSWORD).expect_problem(429, "too-many-guesses");
        assert_eq!(left(&refused).1, 0);
        assert!(refused.header("retry-after").is_some());
    }

    fn hides_guesses_from_other_addresses(engine: Engine) {
        let server = Server::start_with(engine, &PROXIED);
        let ada = server.register("ada");
        let guess = |from: &str| {
            let body = json!({ "email": ada.email, "password": "wrong" });
            server.post("/sessions").header("x-forwarded-for", from).json(&body).send()
        };
        for number in 0..15 {
            guess(&format!("192.0.2.{number}")).expect(401);
        }
        assert_eq!(left(&guess("198.51.100.7").expect(401)).1, 9);
    }

    fn limits_registrations_per_address_across_replicas(engine: Engine) {
        let server = Server::start_with(engine, &PROXIED);
        let replica = server.replica_with(&PROXIED);
        let made = register(&server, "192.0.2.1", "ada").expect(201);
        assert_eq!(made.header("ratelimit-policy"), Some("\"registrations\";q=1000;w=900"));
        assert_eq!(left(&made).1, 999);
        assert_eq!(left(&register(&replica, "192.0.2.1", "ada").expect(409)).1, 998, "a failed registration counts");
        db_count(&server, 1_000);
        let refused = register(&replica, "192.0.2.1", "eve").expect_problem(429, "too-many-requests");
        assert_eq!(left(&refused).1, 0);
        let seconds: i64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=901).contains(&seconds), "{seconds}");
        register(&server, "192.0.2.2", "bob").expect(201);
        // The limit does not apply to a caller with the scope to create accounts for others.
        let admin = server.admin();
        let body = json!({ "email": "made@example.com", "password": PASSWORD });
        let by_admin = server.post("/users").header("x-forwarded-for", "192.0.2.1").bearer(&admin.token).json(&body);
        assert_eq!(by_admin.send().expect(201).header("ratelimit"), None);
    }

    fn failed_client_requests_are_refused_after_three_hundred(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &PROXIED);
        let replica = server.replica_with(&PROXIED);
        let app = server.register_application(&reports());
        let good = |server: &Server, from: &str| {
            let request = server.post("/oauth/token").header("x-forwarded-for", from);
            app.authenticated(request, &[("grant_type", "client_credentials")]).send()
        };
        assert_eq!(good(&server, "192.0.2.1").expect(200).header("ratelimit"), None, "successful requests are not counted");
        let first = fail(&server, "192.0.2.1").expect(401);
        assert_eq!(first.header("ratelimit-policy"), Some("\"failures\";q=300;w=900"));
        assert_eq!(left(&first).1, 299);
        let stale = [("grant_type", "refresh_token"), ("client_id", "cloakroom"), ("refresh_token", "made-up")];
        let refused = server.post("/oauth/token").header("x-forwarded-for", "192.0.2.1").form(&stale).send();
        assert_eq!((refused.json()["error"].as_str(), left(&refused).1), (Some("invalid_grant"), 298));
        db_count(&server, 300);
        let counters = db_counters(&server);
        // Each replica learns of it at its first failed request.
        for server in [&server, &replica] {
            fail(server, "192.0.2.1").expect(401);
            let refused = fail(server, "192.0.2.1").expect(429);
            assert_eq!((refused.json()["error"].as_str(), left(&refused).1), (Some("temporarily_unavailable"), 0));
            let seconds: i64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=901).contains(&seconds), "{seconds}");
            // A good request passes as before.
            assert_eq!(good(server, "192.0.2.1").expect(200).header("ratelimit"), None);
            fail(server, "192.0.2.2").expect(401);
        }
        assert_eq!(db_counters(&server), counters + 1, "the other network's");
        server.clock.advance(TimeDelta::minutes(16));
        fail(&server, "192.0.2.1").expect(401);
    }

    fn unknown_clients_in_a_network_refuse_nothing_good(engine: Engine) {
        let server = Server::start_with(engine, &PROXIED);
        let (ada, spa) = (server.register("ada"), server.public_application("spa", "openid users:read"));
        let (app, key) = (server.application("photos", "openid users:read"), IssuerKey::new("a"));
        server.register_application(&json!({
            "client_id": "ledger", "scope": "users:read:any", "grant_types": ["client_credentials"], "redirect_uris": [],
            "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [key.jwk()] },
        }));
        let login = server.post("/sessions").json(&json!({ "email": ada.email, "password": PASSWORD })).send().expect(200).json();
        let of = |app: &Application| app.tokens(&server, &ada, &[]);
        let (of_spa, of_app) = (of(&spa), of(&app));
        let fresh = |app: &Application| app.code(&server, &ada, &[]);
        let (spa_code, app_code) = (fresh(&spa), fresh(&app));
        // The hosts of an IPv6 network and an unknown client each time.
        let post = |host: usize, form: &[(&str, &str)]| {
            server.post("/oauth/token").header("x-forwarded-for", &format!("2001:db8::{host:x}")).form(form).send()
        };
        let refresh = |token: &str, client: &str| post(1, &[("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)]);
        for host in 1..=3 {
            post(host, &[("grant_type", "refresh_token"), ("client_id", &format!("unknown{host}")), ("refresh_token", "x")]).expect(401);
        }
        db_count(&server, 300);
        post(4, &[("grant_type", "refresh_token"), ("client_id", "unknown"), ("refresh_token", "x")]).expect(401);
        for junk in [
            post(5, &[("grant_type", "refresh_token"), ("client_id", "unknown"), ("refresh_token", "x")]),
            post(6, &[("grant_type", "client_credentials"), ("client_id", "photos"), ("client_secret", "wrong")]),
            post(7, &[("grant_type", "client_credentials"), ("client_id", "photos")]),
            post(8, &[("grant_type", "client_credentials"), ("client_assertion_type", JWT_BEARER), ("client_assertion", "a.b.c"), ("client_id", "ledger")]),
            post(9, &[("grant_type", "authorization_code"), ("client_id", "spa"), ("code", "x"), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)]),
            refresh("x", "spa"),
            refresh("x", "cloakroom"),
        ] {
            assert_eq!(left(&junk.expect(429)).1, 0);
        }
        refresh(login["refresh_token"].as_str().unwrap(), "cloakroom").expect(200);
        refresh(of_spa["refresh_token"].as_str().unwrap(), "spa").expect(200);
        post(1, &[("grant_type", "authorization_code"), ("client_id", "spa"), ("code", &spa_code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)]).expect(200);
        let secret = app.secret.as_deref().unwrap();
        let from_one = |path: &str| server.post(path).header("x-forwarded-for", "2001:db8::1");
        let by_secret = |form: &[(&str, &str)]| from_one("/oauth/token").basic("photos", secret).form(form).send();
        by_secret(&[("grant_type", "refresh_token"), ("refresh_token", of_app["refresh_token"].as_str().unwrap())]).expect(200);
        by_secret(&[("grant_type", "authorization_code"), ("code", &app_code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)]).expect(200);
        let now = server.clock.now().timestamp();
        let claims = json!({ "iss": "ledger", "sub": "ledger", "aud": server.url, "jti": "1", "iat": now, "exp": now + 60 });
        let assertion = key.sign(&json!({}), &claims);
        let by_assertion = [("grant_type", "client_credentials"), ("client_assertion_type", JWT_BEARER), ("client_assertion", &assertion)];
        post(1, &by_assertion).expect(200);
        // Another use of the assertion is not good.
        post(1, &by_assertion).expect(429);
        for path in ["/oauth/introspect", "/oauth/revoke"] {
            from_one(path).basic("photos", secret).form(&[("token", "x")]).send().expect(200);
            from_one(path).form(&[("token", "x"), ("client_id", "x")]).send().expect(429);
        }
    }

    fn junk_codes_do_not_refuse_their_clients_good_ones(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &PROXIED);
        let (ada, app, other) = (server.register("ada"), server.application("photos", "openid users:read"), server.application("prints", "openid users:read"));
        let first = app.tokens(&server, &ada, &[]);
        let (code, later) = (app.code(&server, &ada, &[]), app.code(&server, &ada, &[]));
        let text = |tokens: &serde_json::Value| tokens["refresh_token"].as_str().unwrap().to_owned();
        // A code of another client is junk as well; it stays the other's.
        let others = other.code(&server, &ada, &[]);
        for junk in ["junk", "", &others] {
            assert_eq!(app.redeem(&server, junk).status, 400);
        }
        db_count(&server, 300);
        assert_eq!(left(&app.redeem(&server, "junk").expect(400)), ("failures".to_owned(), 0, 900));
        app.redeem(&server, "junk").expect(429);
        app.refresh(&server, "junk").expect(429);
        let second = app.refresh(&server, &text(&first)).expect(200).json();
        assert_eq!(app.redeem(&server, &code).expect(200).header("ratelimit"), None);
        // Only this client is concerned: neither another client nor its network.
        assert_eq!(left(&other.redeem(&server, "junk").expect(400)).1, 299);
        other.redeem(&server, &others).expect(200);
        fail(&server, "").expect(401);
        // Reuse is detected and told as before.
        let third = app.refresh(&server, &text(&second)).expect(200).json();
        for reused in [app.refresh(&server, &text(&first)), app.redeem(&server, &code)] {
            assert_eq!(reused.expect(400).json()["error"], "invalid_grant");
        }
        app.refresh(&server, &text(&third)).expect(429);
        app.redeem(&server, &later).expect(200);
        // Elsewhere, the limit holds from the first failure on.
        let replica = server.replica_with(&PROXIED);
        let code = app.code(&replica, &ada, &[]);
        app.redeem(&replica, "junk").expect(400);
        app.redeem(&replica, "junk").expect(429);
        app.redeem(&replica, &code).expect(200);
    }

    fn answers_to_forged_tokens_are_delayed(engine: Engine) {
        let server = Server::start_with(engine, &PROXIED);
        let (ada, grace, joan) = (server.register("ada"), server.register("grace"), server.register("joan"));
        let read = |token: &str, from: &str| server.get("/users/me").header("x-forwarded-for", from).bearer(token).send();
        let is_held = |token: &str| {
            let began = Instant::now();
            read(token, "2001:db8::1").expect(401);
            began.elapsed() >= HELD
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert!((0..1_000).any(|_| is_held("forged")), "forged tokens are delayed in the end"));
            }
        });
        // During a delay each valid token is answered at once, from the same network and never seen before, too.
        std::thread::scope(|scope| {
            let held = scope.spawn(|| (read("forged", "2001:db8::1").expect(401), Instant::now()).1);
            read(&ada.token, "2001:db8::1").expect(200);
            read(&grace.token, "2001:db8::2").expect(200);
            read(&joan.token, "2001:db8:0:1::1").expect(200);
            read("forged", "2001:db8:0:1::1").expect(401);
            let done = Instant::now();
            assert!(held.join().expect("it is answered") > done);
        });
    }

    fn oldest_counters_of_failures_are_evicted_above_their_number(engine: Engine) {
        let server = Server::start_with(engine, &PROXIED);
        register(&server, "2001:db8::1", "ada").expect(201);
        fail(&server, "2001:db8:0:1::1").expect(401);
        let evictable = || server.db_number("SELECT COUNT(*) AS total FROM guesses WHERE evictable");
        assert_eq!((evictable(), db_counters(&server)), (1, 2), "a registration costs its sender something");
        // As many networks as one provider gives a customer (/47), a few seconds after the first.
        let (key, at) = match engine {
            Engine::Sqlite => ("randomblob(32)", "began_at + n"),
            Engine::Postgres => ("sha256(('of ' || n)::bytea)", "began_at + n * interval '1 microsecond'"),
        };
        server.db_run(&format!(
            "INSERT INTO guesses (key, began_at, made, evictable)
             WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {})
             SELECT {key}, {at}, 1, evictable FROM t, guesses WHERE evictable", MOST_EVICTABLE + 1_000
        ));
        as_in_use(&server);
        let mut replica = None;
        let heard = heard(&server, || {
            replica = Some(server.replica_with(&PROXIED));
            eventually("the oldest are evicted", || evictable() <= MOST_EVICTABLE);
        });
        assert_eq!((evictable(), db_counters(&server)), (MOST_EVICTABLE, MOST_EVICTABLE + 1));
        let left = fail(&server, "2001:db8:0:1::1").expect(401);
        assert_eq!(left.header("ratelimit").and_then(|header| header.split(';').nth(1)), Some("r=299"), "it began anew");
        let looks: Vec<_> = heard.sent.iter().filter(|text| text.contains(&format!("OFFSET {MOST_EVICTABLE}"))).collect();
        let [look] = looks[..] else { panic!("{looks:#?}") };
        let steps = explained(&server, look);
        assert!(steps.iter().any(|step| step.contains("guesses_evictable")), "{steps:#?}");
        drop(replica);
    }

    fn nothing_is_counted_without_limits(engine: Engine) {
        let server = Server::start_with(engine, &[("CLOAKROOM_RATE_LIMITS", "off")]);
        assert_eq!(register(&server, "", "ada").expect(201).header("ratelimit"), None);
        assert_eq!(fail(&server, "").expect(401).header("ratelimit"), None);
    }
}

/// Sets every counter to this count.
fn db_count(server: &Server, made: i32) {
    server.db_run(&format!("UPDATE guesses SET made = {made}"));
}

/// Returns the number of counters.
fn db_counters(server: &Server) -> i64 {
    server.db_number("SELECT COUNT(*) AS total FROM guesses")
}
