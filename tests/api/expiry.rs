//! Background duties: expired rows are deleted in batches, and no duty holds another.

use serde_json::json;

use crate::query_plans::{as_in_use, explained, heard};
use crate::support::{Engine, Request, Server, eventually, on_both_engines};
use chrono::TimeDelta;

/// Expired rows of each table.
const ROWS: usize = 20_000;

/// Tables whose rows expire.
const TABLES: [&str; 12] = [
    "refresh_tokens",
    "authorization_codes",
    "sessions",
    "revocations",
    "used_jtis",
    "idempotency_keys",
    "client_secrets",
    "guesses",
    "departed_identities",
    "account_tokens",
    "pending_registrations",
    "outbox",
];

const METRICS: &[(&str, &str)] = &[("CLOAKROOM_METRICS_LISTEN", "127.0.0.1:0")];

/// Inserts expired rows into each table.
fn db_expired_rows(server: &Server, user: &str, client: &str) {
    let then = if server.engine == Engine::Sqlite { "1" } else { "timestamptz '2020-01-01'" };
    db_rows(server, user, client, ROWS, then, false);
}

/// Inserts rows into each table, which expire at `then`. All sessions hang on one, as do all tokens and codes;
/// `spread`, each on another.
fn db_rows(server: &Server, user: &str, client: &str, rows: usize, then: &str, spread: bool) {
    let (user, id, parent, hash) = match server.engine {
        Engine::Sqlite => (
            format!("x'{}'", user.replace('-', "")),
            "unhex(printf('%032x', n + 1))",
            "x'00000000000000000000000000000001'",
            "randomblob(32)",
        ),
        Engine::Postgres => (
            format!("'{user}'::uuid"),
            "lpad(to_hex(n + 1), 32, '0')::uuid",
            "'00000000-0000-0000-0000-000000000001'::uuid",
            "sha256(('of ' || n)::bytea)",
        ),
    };
    let on = if spread { id } else { parent };
    let session =
        "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, auth_time, parent_id)";
    let each = format!("WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {rows})");
    server.db_run(&format!(
        "{session} VALUES ({parent}, {user}, {then}, {then}, {then}, {then}, NULL);
         {session} {each} SELECT {id}, {user}, {then}, {then}, {then}, {then}, {on} FROM t;
         INSERT INTO refresh_tokens (hash, session_id, expires_at) {each} SELECT {hash}, {on}, {then} FROM t;
         INSERT INTO authorization_codes
             (hash, client_id, user_id, parent_id, redirect_uri, scope, code_challenge, expires_at)
             {each} SELECT {hash}, '{client}', {user}, {on}, '', '', '', {then} FROM t;
         INSERT INTO revocations (kind, subject, epoch, until) {each} SELECT 'token', n, 0, {then} FROM t;
         INSERT INTO used_jtis (hash, expires_at) {each} SELECT {hash}, {then} FROM t;
         INSERT INTO idempotency_keys (key, request, expires_at) {each} SELECT {hash}, {hash}, {then} FROM t;
         INSERT INTO client_secrets (hash, client_id, created_at, expires_at)
             {each} SELECT {hash}, '{client}', {then}, {then} FROM t;
         INSERT INTO guesses (key, began_at, made) {each} SELECT {hash}, {then}, 1 FROM t;
         INSERT INTO departed_identities (issuer, subject, departed_at) {each} SELECT 'there', n, {then} FROM t;
         INSERT INTO account_tokens (hash, user_id, purpose, email, created_at, expires_at)
             {each} SELECT {hash}, {user}, 'reset-password', 'ada@example.com', {then}, {then} FROM t;
         INSERT INTO pending_registrations (hash, email_key, created_at, expires_at)
             {each} SELECT {hash}, 'ada@example.com', {then}, {then} FROM t;
         INSERT INTO outbox (job, resource, record, action, created_at, due_at, attempts, given_up_at)
             {each} SELECT 'a job', 'user', n, 'create', {then}, {then}, 20, {then} FROM t;"
    ));
}

/// Returns the number of expired rows of a table.
fn db_expired(server: &Server, table: &str) -> i64 {
    let column = match table {
        "revocations" => "until",
        "guesses" => "began_at",
        "departed_identities" => "departed_at",
        "outbox" => "given_up_at",
        _ => "expires_at",
    };
    let then = if server.engine == Engine::Sqlite { "1" } else { "timestamptz '2020-01-01'" };
    server.db_number(&format!("SELECT count(*) AS total FROM {table} WHERE {column} = {then}"))
}

fn metric(server: &Server, series: &str) -> Option<f64> {
    let address = server.metrics.expect("an address");
    let metrics = Request::new("GET", format!("http://{address}/metrics")).send().expect(200).body;
    let line =
        metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned));
    line.map(|value| value.parse().expect("a number"))
}

fn age(server: &Server, table: &str) -> Option<f64> {
    metric(server, &format!("cloakroom_expired_rows_age_seconds{{table=\"{table}\"}}"))
}

/// Makes each deletion from a table fail.
fn db_forbid_deletion(server: &Server, table: &str) {
    server.db_run(&match server.engine {
        Engine::Sqlite => {
            format!(
                "CREATE TRIGGER forbid BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'on purpose'); END"
            )
        }
        Engine::Postgres => format!(
            "CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN RAISE EXCEPTION 'on purpose'; END $$;
             CREATE TRIGGER forbid BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION forbid()"
        ),
    });
}

on_both_engines! {
    fn expired_rows_are_deleted_while_requests_write(engine: Engine) {
        let server = Server::start(engine);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let live = server.db_number("SELECT count(*) AS total FROM sessions");
        db_expired_rows(&server, &ada.id, &app.id);
        let server = server.restart();
        let left = || TABLES.iter().map(|table| db_expired(&server, table)).sum::<i64>();
        let mut writes = 0;
        eventually("no expired row is left", || {
            for _ in 0..5 {
                let name = json!({ "name": format!("Ada {writes}") });
                server.put("/users/me/profile").bearer(&ada.token).json(&name).send().expect(200);
                writes += 1;
            }
            left() == 0
        });
        assert!(writes > 5, "requests wrote meanwhile");
        assert_eq!(server.db_number("SELECT count(*) AS total FROM sessions"), live);
        server.get("/users/me").bearer(&ada.token).send().expect(200);
    }

    fn failing_table_holds_no_other_table_and_no_key(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        db_expired_rows(&server, &ada.id, &app.id);
        db_forbid_deletion(&server, "used_jtis");
        server.clock.advance(TimeDelta::days(91));
        let server = server.restart_with(METRICS);
        let keys = || server.get("/.well-known/jwks.json").send().expect(200).json()["keys"].as_array().map(Vec::len);
        eventually("the next key is published", || keys() == Some(2));
        for table in TABLES.iter().filter(|table| **table != "used_jtis") {
            eventually(table, || db_expired(&server, table) == 0);
        }
        assert_eq!(db_expired(&server, "used_jtis"), i64::try_from(ROWS).unwrap());
        eventually("the failure is counted", || {
            metric(&server, "cloakroom_duty_failures_total{duty=\"expiry\"}").is_some_and(|count| count > 0.0)
        });
        assert!(age(&server, "used_jtis").is_some_and(|age| age > 86_400.0 * 365.0));
        let succeeded = metric(&server, "cloakroom_duty_last_success_timestamp_seconds{duty=\"key-rotation\"}");
        assert!(succeeded.is_some_and(|at| at > 0.0));
    }

    fn each_table_that_expires_has_an_index_and_a_metric(engine: Engine) {
        let server = Server::start_with(engine, METRICS);
        let columns = "('expires_at', 'until', 'began_at', 'departed_at', 'given_up_at')";
        let (tables, indexes) = match engine {
            Engine::Sqlite => (
                format!("SELECT count(DISTINCT m.name) AS total FROM sqlite_master m
                    JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name IN {columns}"),
                format!("SELECT count(DISTINCT m.name) AS total FROM sqlite_master m
                    JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c
                    WHERE m.type = 'table' AND c.seqno = 0 AND c.name IN {columns}"),
            ),
            Engine::Postgres => (
                format!("SELECT count(DISTINCT table_name) AS total FROM information_schema.columns
                    WHERE table_schema = 'public' AND column_name IN {columns}"),
                format!("SELECT count(DISTINCT i.indrelid) AS total FROM pg_index i JOIN pg_attribute a
                    ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE a.attname IN {columns}"),
            ),
        };
        let known = i64::try_from(TABLES.len()).unwrap();
        assert_eq!((server.db_number(&tables), server.db_number(&indexes)), (known, known));
        for table in TABLES {
            eventually(table, || age(&server, table) == Some(0.0));
        }
    }

    fn deletion_follows_an_index_however_many_rows_have_expired(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let (past, future) = match engine {
            Engine::Sqlite => ("1", "2208988800000000"),
            Engine::Postgres => ("timestamptz '2020-01-01'", "timestamptz '2040-01-01'"),
        };
        // Each table has a row that has expired, so that the server sends each statement.
        let mut replica = None;
        let heard = heard(&server, || {
            db_rows(&server, &ada.id, &app.id, 1, past, false);
            let replica = replica.insert(server.replica());
            for table in TABLES {
                eventually(table, || db_expired(replica, table) == 0);
            }
        });
        drop(replica);
        db_rows(&server, &ada.id, &app.id, ROWS, future, true);
        as_in_use(&server);
        let at = if engine == Engine::Sqlite { "2208988800000001" } else { "timestamptz '2040-01-02'" };
        let of_expiry = |text: &&String| text.contains("$1 ORDER BY") || text.contains("AS oldest");
        let statements: Vec<&String> = heard.sent.iter().filter(of_expiry).collect();
        assert_eq!(statements.len(), 2 * TABLES.len() + 1, "{statements:#?}");
        for statement in statements {
            let steps = explained(&server, &statement.replace("$1", at));
            let scans = |step: &&String| TABLES.iter().any(|table| {
                step.contains(&format!("Seq Scan on {table}")) || step.trim() == format!("SCAN {table}")
            });
            let found: Vec<_> = steps.iter().filter(scans).collect();
            assert!(found.is_empty(), "{statement}\n{steps:#?}");
        }
    }
}
