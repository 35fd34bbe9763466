//! Rate limits on registrations and on failed client requests: counted by address across all replicas, and
//! reported to the client. Also the delay for addresses that send forged tokens. `guessing.rs` tests guesses
//! at passwords.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::json;

use crate::support::{Answer, Engine, PASSWORD, Server, on_both_engines};

/// Delay of an unknown token from an address that has sent forged ones.
const HELD: Duration = Duration::from_secs(1);

const PROXIED: [(&str, &str); 1] = [("CLOAKROOM_TRUSTED_PROXIES", "127.0.0.1")];

fn register(server: &Server, from: &str, name: &str) -> Answer {
    let body = json!({ "email": format!("{name}@example.com"), "password": PASSWORD });
    server.post("/users").header("x-forwarded-for", from).json(&body).send()
}

/// Requests a token with a wrong client secret.
fn fail(server: &Server, from: &str) -> Answer {
    let form = [("grant_type", "client_credentials"), ("client_id", "reports"), ("client_secret", "wrong")];
    server.post("/oauth/token").header("x-forwarded-for", from).form(&form).send()
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

    fn limits_failed_client_requests_per_address(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &PROXIED);
        let replica = server.replica_with(&PROXIED);
        let made = server.operator(&["clients", "create", "--id", "reports", "--scope", "users:read:any", "--json"]);
        let made: serde_json::Value = serde_json::from_str(&made).unwrap();
        let (id, secret) = ("reports", made["client_secret"].as_str().unwrap().to_owned());
        let good = |server: &Server, from: &str| {
            let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", &secret)];
            server.post("/oauth/token").header("x-forwarded-for", from).form(&form).send()
        };
        assert_eq!(good(&server, "192.0.2.1").expect(200).header("ratelimit"), None, "successful requests are not counted");
        let first = fail(&server, "192.0.2.1").expect(401);
        assert_eq!(first.header("ratelimit-policy"), Some("\"failures\";q=300;w=900"));
        assert_eq!(left(&first).1, 299);
        let stale = [("grant_type", "refresh_token"), ("client_id", "cloakroom"), ("refresh_token", "made-up")];
        let refused = server.post("/oauth/token").header("x-forwarded-for", "192.0.2.1").form(&stale).send();
        assert_eq!((refused.json()["error"].as_str(), left(&refused).1), (Some("invalid_grant"), 298));
        db_count(&server, 300);
        fail(&server, "192.0.2.1").expect(401);
        let refused = fail(&server, "192.0.2.1").expect(429);
        assert_eq!((refused.json()["error"].as_str(), left(&refused).1), (Some("temporarily_unavailable"), 0));
        good(&server, "192.0.2.1").expect(429);
        good(&server, "192.0.2.2").expect(200);
        // Another replica learns of it at its first failed request.
        good(&replica, "192.0.2.1").expect(200);
        fail(&replica, "192.0.2.1").expect(401);
        good(&replica, "192.0.2.1").expect(429);
        server.clock.advance(TimeDelta::minutes(16));
        good(&server, "192.0.2.1").expect(200);
    }

    fn delays_new_tokens_from_an_address_with_forgeries(engine: Engine) {
        let server = Server::start_with(engine, &PROXIED);
        let (ada, grace, joan) = (server.register("ada"), server.register("grace"), server.register("joan"));
        let read = |token: &str, from: &str| server.get("/users/me").header("x-forwarded-for", from).bearer(token).send();
        read(&ada.token, "192.0.2.1").expect(200);
        let is_held = |token: &str, status: u16| {
            let began = Instant::now();
            read(token, "192.0.2.1").expect(status);
            began.elapsed() >= HELD
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert!((0..1_000).any(|_| is_held("forged", 401)), "forged tokens are delayed in the end"));
            }
        });
        assert!(is_held(&grace.token, 200), "a valid but unknown token is delayed and accepted");
        // During a delay, a known token is answered at once, and so is every token from another address.
        std::thread::scope(|scope| {
            let held = scope.spawn(|| (read("forged", "192.0.2.1").expect(401), Instant::now()).1);
            read(&ada.token, "192.0.2.1").expect(200);
            read(&joan.token, "192.0.2.2").expect(200);
            read("forged", "192.0.2.2").expect(401);
            let done = Instant::now();
            assert!(held.join().expect("it is answered") > done);
        });
    }

    fn nothing_is_counted_without_limits(engine: Engine) {
        let server = Server::start_with(engine, &[("CLOAKROOM_RATE_LIMITS", "off")]);
        assert_eq!(register(&server, "", "ada").expect(201).header("ratelimit"), None);
        assert_eq!(fail(&server, "").expect(401).header("ratelimit"), None);
    }
}

/// Sets every token bucket to this count.
fn db_count(server: &Server, made: i32) {
    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, PgConnection, SqliteConnection};
    let sql = format!("UPDATE guesses SET made = {made}");
    match server.engine {
        Engine::Sqlite => {
            let mut conn =
                SqliteConnection::establish(server.database_url.trim_start_matches("sqlite://")).unwrap();
            conn.batch_execute(&format!("PRAGMA busy_timeout = 5000; {sql}")).unwrap();
        }
        Engine::Postgres => {
            PgConnection::establish(&server.database_url).unwrap().batch_execute(&sql).unwrap()
        }
    }
}
