//! Deeds that end or forbid something do not depend on the number of sessions, codes and consents.

use cloakroom::store::PostgresConnection;
use diesel::SqliteConnection;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::{Value, json};

use crate::support::{
    Answer, Browser, Engine, PASSWORD, Person, Request, Server, eventually, on_both_engines,
};

/// Number of children. More than one statement can name in a list.
const MANY: usize = 40_000;

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

fn db_run(server: &Server, sqlite: &str, postgres: &str) {
    match server.engine {
        Engine::Sqlite => {
            let path = server.database_url.trim_start_matches("sqlite://");
            let mut conn = SqliteConnection::establish(path).unwrap();
            conn.batch_execute(&format!("PRAGMA busy_timeout = 20000; {sqlite}")).unwrap();
        }
        Engine::Postgres => {
            PostgresConnection::establish(&server.database_url).unwrap().batch_execute(postgres).unwrap();
        }
    }
}

fn db_count(server: &Server, table: &str) -> i64 {
    let query = diesel::sql_query(format!("SELECT count(*) AS number FROM {table}"));
    let number: Number = match server.engine {
        Engine::Sqlite => {
            let path = server.database_url.trim_start_matches("sqlite://");
            query.get_result(&mut SqliteConnection::establish(path).unwrap()).unwrap()
        }
        Engine::Postgres => {
            query.get_result(&mut PostgresConnection::establish(&server.database_url).unwrap()).unwrap()
        }
    };
    number.number
}

/// Returns the id of a user in the database's notation.
fn db_id(id: &str) -> [String; 2] {
    [format!("x'{}'", id.replace('-', "")), format!("'{id}'")]
}

/// Inserts sessions of a user and a client, each with a refresh token and a code.
fn db_sessions(server: &Server, user: &str, client: &str, count: usize) {
    let [sqlite, postgres] = db_id(user);
    db_run(
        server,
        &format!(
            "PRAGMA foreign_keys = OFF; BEGIN;
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
             INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, client_id, auth_time, scope)
             SELECT randomblob(16), {sqlite}, at, at, at + 864000000000, '{client}', at, 'users:read offline_access'
             FROM n, (SELECT unixepoch() * 1000000 AS at);
             INSERT INTO refresh_tokens (hash, session_id, expires_at)
             SELECT randomblob(32), id, expires_at FROM sessions WHERE client_id = '{client}' AND user_id = {sqlite};
             INSERT INTO authorization_codes (hash, client_id, user_id, parent_id, redirect_uri, scope, code_challenge, expires_at)
             SELECT randomblob(32), '{client}', {sqlite}, id, 'https://app.example.org/cb', '', '', expires_at
             FROM sessions WHERE client_id = '{client}' AND user_id = {sqlite}; COMMIT"
        ),
        &format!(
            "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, client_id, auth_time, scope)
             SELECT gen_random_uuid(), {postgres}, now(), now(), now() + interval '10 days', '{client}', now(), 'users:read offline_access'
             FROM generate_series(1, {count});
             INSERT INTO refresh_tokens (hash, session_id, expires_at)
             SELECT sha256((id::text || random())::bytea), id, expires_at FROM sessions
             WHERE client_id = '{client}' AND user_id = {postgres};
             INSERT INTO authorization_codes (hash, client_id, user_id, parent_id, redirect_uri, scope, code_challenge, expires_at)
             SELECT sha256((id::text || random())::bytea), '{client}', {postgres}, id, 'https://app.example.org/cb', '', '', expires_at
             FROM sessions WHERE client_id = '{client}' AND user_id = {postgres}"
        ),
    );
}

/// Sends a request that must be done before the store's deadline, which the server answers with 503.
#[track_caller]
fn in_time(request: Request, status: u16) -> Answer {
    request.send().expect(status)
}

/// Returns the token response of a login.
fn log_in(server: &Server, person: &Person) -> Value {
    server
        .post("/sessions")
        .json(&json!({ "email": person.email, "password": PASSWORD }))
        .send()
        .expect(200)
        .json()
}

fn text<'v>(tokens: &'v Value, member: &str) -> &'v str {
    tokens[member].as_str().expect("a token")
}

fn refresh(server: &Server, tokens: &Value) -> Answer {
    let token = text(tokens, "refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "cloakroom")];
    server.post("/oauth/token").form(&form).send()
}

/// Checks that a login has ended: neither its access token nor its refresh token is good any more.
#[track_caller]
fn has_ended(server: &Server, tokens: &Value) {
    server.get("/users/me").bearer(text(tokens, "access_token")).send().expect_problem(401, "invalid-token");
    refresh(server, tokens).expect(400);
}

on_both_engines! {
    fn many_sessions_end_with_a_suspension(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        let before = log_in(&server, &ada);
        db_sessions(&server, &ada.id, "cloakroom", MANY);
        let status = format!("{}/status", ada.path());
        let put = |status: &str, to: &str| server.put(status).bearer(&admin.token).json(&json!({ "status": to }));
        in_time(put(&status, "suspended"), 200);
        has_ended(&server, &before);
        assert!(db_count(&server, "revocations") < 20, "one line for the user, not one for each session");
        in_time(put(&status, "active"), 200);
        // The rows are still there. None of them is a session.
        has_ended(&server, &before);
        let now = log_in(&server, &ada);
        let list = server.get("/users/me/sessions").bearer(text(&now, "access_token")).send().expect(200).json();
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
        refresh(&server, &now).expect(200);
    }

    fn many_sessions_end_with_a_logout(server) {
        let (ada, eve) = (server.register("ada"), server.register("eve"));
        db_sessions(&server, &ada.id, "cloakroom", MANY);
        let (before, other) = (log_in(&server, &ada), log_in(&server, &eve));
        in_time(server.delete("/users/me/sessions").bearer(text(&before, "access_token")), 204);
        has_ended(&server, &before);
        let now = log_in(&server, &ada);
        refresh(&server, &now).expect(200);
        refresh(&server, &other).expect(200);
        // Another replica knows of it.
        let replica = server.replica();
        replica.eventually_refuses(&ada.token);
    }

    fn all_other_of_many_sessions_end(server) {
        let ada = server.register("ada");
        let (own, other) = (log_in(&server, &ada), log_in(&server, &ada));
        db_sessions(&server, &ada.id, "cloakroom", MANY);
        let token = text(&own, "access_token");
        in_time(server.delete("/users/me/sessions?except=current").bearer(token), 204);
        has_ended(&server, &other);
        let list = server.get("/users/me/sessions").bearer(token).send().expect(200).json();
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
        refresh(&server, &own).expect(200);
        assert!(db_count(&server, "revocations") < 20);
    }

    fn new_password_ends_many_sessions_but_the_own(server) {
        let ada = server.register("ada");
        let (own, other) = (log_in(&server, &ada), log_in(&server, &ada));
        db_sessions(&server, &ada.id, "cloakroom", MANY);
        let (token, path) = (text(&own, "access_token"), format!("{}/password", ada.path()));
        let change = json!({ "current_password": PASSWORD, "new_password": "another unusual passphrase" });
        in_time(server.put(&path).bearer(token).json(&change), 204);
        server.get("/users/me").bearer(token).send().expect(200);
        refresh(&server, &own).expect(200);
        has_ended(&server, &other);
        let list = server.get("/users/me/sessions").bearer(token).send().expect(200).json();
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
        assert!(db_count(&server, "revocations") < 20);
        // An administrator's change ends the own one too.
        let admin = server.admin();
        db_sessions(&server, &ada.id, "cloakroom", MANY);
        let change = json!({ "new_password": "a third unusual passphrase" });
        in_time(server.put(&path).bearer(&admin.token).json(&change), 204);
        has_ended(&server, &own);
    }

    fn many_sessions_end_with_a_consent(server) {
        let ada = server.register("ada");
        let app = server.application("photos", "openid users:read offline_access");
        let tokens = app.tokens(&server, &ada, &[("scope", "openid users:read offline_access")]);
        db_sessions(&server, &ada.id, "photos", MANY);
        let own = log_in(&server, &ada);
        let token = text(&own, "access_token");
        server.get("/users/me").bearer(text(&tokens, "access_token")).send().expect(200);
        in_time(server.delete("/users/me/grants/photos").bearer(token), 204);
        server.get("/users/me").bearer(text(&tokens, "access_token")).send().expect_problem(401, "invalid-token");
        app.refresh(&server, text(&tokens, "refresh_token")).expect(400);
        server.get("/users/me").bearer(token).send().expect(200);
        assert!(db_count(&server, "revocations") < 20);
        let list = server.get("/users/me/sessions").bearer(token).send().expect(200).json();
        assert!(list["items"].as_array().unwrap().iter().all(|session| session["client_id"] != "photos"), "{list}");
        // A new consent does not bring the old sessions back.
        let again = app.tokens(&server, &ada, &[("scope", "openid users:read offline_access")]);
        app.refresh(&server, text(&tokens, "refresh_token")).expect(400);
        app.refresh(&server, text(&again, "refresh_token")).expect(200);
    }

    fn user_with_many_sessions_is_deleted(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        let before = log_in(&server, &ada);
        db_sessions(&server, &ada.id, "cloakroom", MANY);
        in_time(server.delete(&ada.path()).bearer(&admin.token), 204);
        has_ended(&server, &before);
        server.get(&ada.path()).bearer(&admin.token).send().expect_problem(404, "not-found");
        // The background duty of a replica that starts removes the rows.
        let replica = server.replica();
        eventually("the sessions are gone", || db_count(&server, "sessions") == 1);
        eventually("the tombstone is gone", || db_count(&server, "tombstones") == 0);
        assert_eq!(db_count(&server, "refresh_tokens"), 1);
        assert_eq!(db_count(&server, "authorization_codes"), 0);
        drop(replica);
    }

    fn client_with_many_sessions_is_changed_and_deleted(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        let app = server.application("photos", "openid users:read offline_access");
        let tokens = app.tokens(&server, &ada, &[("scope", "openid users:read offline_access")]);
        db_sessions(&server, &ada.id, "photos", MANY);
        let [sqlite, postgres] = [
            format!("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) \
                INSERT INTO consents (user_id, client_id, scope, created_at, updated_at) \
                SELECT randomblob(16), 'photos', '', 1, 1 FROM n"),
            format!("INSERT INTO consents (user_id, client_id, scope, created_at, updated_at) \
                SELECT gen_random_uuid(), 'photos', '', now(), now() FROM generate_series(1, {MANY})"),
        ];
        db_run(&server, &sqlite, &postgres);
        in_time(server.post("/clients/photos/secret").bearer(&admin.token), 200);
        let change = json!({ "client_name": "Photos" });
        let read = server.get("/clients/photos").bearer(&admin.token).send().expect(200);
        let patch = server.patch("/clients/photos").bearer(&admin.token).header("if-match", read.header("etag").unwrap());
        in_time(patch.json(&change), 200);
        in_time(server.delete("/clients/photos").bearer(&admin.token), 204);
        server.get("/users/me").bearer(text(&tokens, "access_token")).send().expect_problem(401, "invalid-token");
        // The same id, registered again, has neither the old sessions nor the old consents.
        let again = server.application("photos", "openid users:read offline_access");
        again.refresh(&server, text(&tokens, "refresh_token")).expect(400);
        let list = server.get("/users/me/grants").bearer(&ada.token).send().expect(200).json();
        assert_eq!(list["items"], json!([]));
        let mut browser = Browser::new(&server);
        let page = browser.open(&again.authorize(&[("scope", "openid users:read")]));
        let page = browser.sign_in(&page, &ada.email);
        assert!(page.body.contains("Photos") || page.status == 200, "asks for consent again");
    }

    fn browser_with_many_sessions_signs_out(server) {
        let ada = server.register("ada");
        let app = server.application("photos", "openid users:read");
        let mut browser = Browser::new(&server);
        let code = crate::support::redirect_parameter(&app.sign_in_and_consent(&mut browser, &ada, &[]), "code");
        let tokens = app.redeem(&server, &code).expect(200).json();
        db_sessions(&server, &ada.id, "photos", MANY);
        let adopt = "UPDATE sessions SET parent_id = (SELECT id FROM sessions WHERE cookie_hash IS NOT NULL) \
            WHERE client_id = 'photos' AND cookie_hash IS NULL";
        db_run(&server, adopt, adopt);
        let own = log_in(&server, &ada);
        let list = server.get("/users/me/sessions").bearer(text(&own, "access_token")).send().expect(200).json();
        assert_eq!(list["items"].as_array().map(Vec::len), Some(50));
        let browsers: i64 = db_count(&server, "sessions WHERE cookie_hash IS NOT NULL");
        assert_eq!(browsers, 1);
        let mut path = "/users/me/sessions?limit=200".to_owned();
        let id = loop {
            let page = server.get(&path).bearer(text(&own, "access_token")).send().expect(200).json();
            let found = page["items"].as_array().unwrap().iter().find(|session| session["client_id"].is_null()).cloned();
            if let Some(found) = found {
                break found["id"].as_str().unwrap().to_owned();
            }
            path = format!("/users/me/sessions?limit=200&cursor={}", text(&page, "next"));
        };
        in_time(server.delete(&format!("/users/me/sessions/{id}")).bearer(text(&own, "access_token")), 204);
        server.get("/users/me").bearer(text(&tokens, "access_token")).send().expect_problem(401, "invalid-token");
        app.refresh(&server, text(&tokens, "refresh_token")).expect(400);
        refresh(&server, &own).expect(200);
    }

    fn list_of_many_sessions_has_pages(server) {
        let ada = server.register("ada");
        db_sessions(&server, &ada.id, "cloakroom", MANY);
        let get = |query: &str| server.get(&format!("/users/me/sessions{query}")).bearer(&ada.token);
        let first = in_time(get("?limit=7"), 200);
        let link = first.header("link").expect("a link").to_owned();
        let (first, mut seen) = (first.json(), std::collections::BTreeSet::new());
        let next = text(&first, "next").to_owned();
        assert!(link.contains("rel=\"next\"") && link.contains(&next), "{link}");
        let mut page = first;
        for _ in 0..5 {
            let items = page["items"].as_array().unwrap().clone();
            assert_eq!(items.len(), 7);
            assert!(items.iter().all(|session| seen.insert(session["id"].as_str().unwrap().to_owned())));
            page = in_time(get(&format!("?limit=7&cursor={}", text(&page, "next"))), 200).json();
        }
        assert_eq!(in_time(get(""), 200).json()["items"].as_array().map(Vec::len), Some(50));
        let id = page["items"][0]["id"].as_str().unwrap().to_owned();
        in_time(server.delete(&format!("/users/me/sessions/{id}")).bearer(&ada.token), 204);
        get("?cursor=nonsense").send().expect_problem(400, "invalid-cursor");
        let eve = server.register("eve");
        let others = server.get(&format!("/users/me/sessions?cursor={next}")).bearer(&eve.token);
        others.send().expect_problem(400, "invalid-cursor");
        get("?limit=201").send().expect_problem(400, "invalid-query");
    }

    fn list_of_many_consents_has_pages(server) {
        let ada = server.register("ada");
        let [sqlite, postgres] = db_id(&ada.id);
        let clients = |numbers: &str, now: &str| format!(
            "INSERT INTO clients (id, scope, grants, epoch, created_at, updated_at, authentication, redirect_uris, \
                post_logout_redirect_uris, dpop_bound, revision) \
             SELECT 'app' || i, '', '', 1, {now}, {now}, 'none', '', '', FALSE, 1 FROM {numbers}; "
        );
        let consents = |user: &str, now: &str| format!(
            "INSERT INTO consents (user_id, client_id, scope, created_at, updated_at) \
             SELECT {user}, id, 'users:read', {now}, {now} FROM clients WHERE id LIKE 'app%'"
        );
        let numbers = format!("(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) SELECT i FROM n)");
        db_run(
            &server,
            &(clients(&numbers, "1") + &consents(&sqlite, "1")),
            &(clients(&format!("generate_series(1, {MANY}) AS i"), "now()") + &consents(&postgres, "now()")),
        );
        let get = |query: &str| server.get(&format!("/users/me/grants{query}")).bearer(&ada.token);
        let first = in_time(get("?limit=3"), 200).json();
        let ids = |page: &Value| -> Vec<String> {
            page["items"].as_array().unwrap().iter().map(|grant| text(grant, "client_id").to_owned()).collect()
        };
        assert_eq!(ids(&first), ["app1", "app10", "app100"]);
        let second = in_time(get(&format!("?limit=3&cursor={}", text(&first, "next"))), 200).json();
        assert_eq!(ids(&second), ["app1000", "app10000", "app10001"]);
        get("?cursor=nonsense").send().expect_problem(400, "invalid-cursor");
        let admin = server.admin();
        in_time(server.delete(&ada.path()).bearer(&admin.token), 204);
    }

    fn oldest_session_ends_when_too_many_begin(server) {
        let ada = server.register("ada");
        let first = log_in(&server, &ada);
        let second = log_in(&server, &ada);
        db_sessions(&server, &ada.id, "photos", 300);
        for _ in 0..98 {
            log_in(&server, &ada);
        }
        // The registration's login is the oldest, and the first of these is the next.
        server.get("/users/me").bearer(&ada.token).send().expect_problem(401, "invalid-token");
        server.get("/users/me").bearer(text(&first, "access_token")).send().expect(200);
        log_in(&server, &ada);
        has_ended(&server, &first);
        server.get("/users/me").bearer(text(&second, "access_token")).send().expect(200);
        assert_eq!(db_count(&server, "sessions WHERE client_id = 'cloakroom'"), 100);
        assert_eq!(db_count(&server, "sessions WHERE client_id = 'photos'"), 300, "each client has its own bound");
    }

    fn refresh_tokens_of_a_session_are_bounded(server) {
        let ada = server.register("ada");
        server.delete("/sessions/current").bearer(&ada.token).send().expect(204);
        let mut last = log_in(&server, &ada);
        let update = "UPDATE refresh_tokens SET generation = 98 WHERE used_at IS NULL";
        db_run(&server, update, update);
        let older = [
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
             INSERT INTO refresh_tokens (hash, session_id, expires_at, used_at, generation) \
             SELECT randomblob(32), t.session_id, t.expires_at, 1, -1000 FROM n, refresh_tokens t WHERE t.generation = 98",
            "INSERT INTO refresh_tokens (hash, session_id, expires_at, used_at, generation) \
             SELECT sha256(i::text::bytea), t.session_id, t.expires_at, now(), -1000 \
             FROM generate_series(1, 5000) AS i, refresh_tokens t WHERE t.generation = 98",
        ];
        db_run(&server, older[0], older[1]);
        for _ in 0..3 {
            last = refresh(&server, &last).expect(200).json();
        }
        assert!(db_count(&server, "refresh_tokens") < 10, "{}", db_count(&server, "refresh_tokens"));
    }
}
