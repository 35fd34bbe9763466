//! The cost of a request does not grow with the number of accounts: no SQL statement scans a whole table. The
//! statements come from a running server, and the plans from its database.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::{Mutex, Once};

use cloakroom::store::PostgresConnection;
use diesel::SqliteConnection;
use diesel::connection::{Instrumentation, InstrumentationEvent, SimpleConnection as _};
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::{Value, json};

use crate::support::{Engine, PASSWORD, Server, eventually, on_both_engines};

/// Number of accounts that are imported; more than a query may sort for one page.
const ACCOUNTS: usize = 11_000;

/// Statements of each database that a test watches.
static STATEMENTS: Mutex<Option<HashMap<String, Statements>>> = Mutex::new(None);

/// Statements sent to one database.
#[derive(Default)]
pub struct Statements {
    pub sent: BTreeSet<String>,
    /// Each statement as often as it was sent, in order.
    pub all: Vec<String>,
    /// Statements that a connection keeps prepared.
    prepared: BTreeSet<String>,
}

/// Records the statements of one connection. Holds the URL of its database.
struct Listener(Option<String>);

impl Instrumentation for Listener {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let mut watched = STATEMENTS.lock().unwrap();
        let Some(watched) = watched.as_mut() else { return };
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => {
                // The server adds parameters to the URL.
                self.0 = watched.keys().find(|known| url.starts_with(known.as_str())).cloned();
            }
            InstrumentationEvent::StartQuery { query, .. } => {
                let Some(heard) = self.0.as_ref().and_then(|url| watched.get_mut(url)) else { return };
                let text = query.to_string();
                let statement = text.split(" -- binds:").next().unwrap_or_default().to_owned();
                heard.all.push(statement.clone());
                heard.sent.insert(statement);
            }
            InstrumentationEvent::CacheQuery { sql, .. } => {
                let Some(heard) = self.0.as_ref().and_then(|url| watched.get_mut(url)) else { return };
                heard.prepared.insert(sql.to_owned());
            }
            _ => {}
        }
    }
}

/// Returns the statements that the server sends during `work`.
pub fn heard(server: &Server, work: impl FnOnce()) -> Statements {
    static LISTENING: Once = Once::new();
    let url = server.database_url.trim_start_matches("sqlite://").to_owned();
    LISTENING.call_once(|| {
        diesel::connection::set_default_instrumentation(|| Some(Box::new(Listener(None)))).unwrap();
    });
    STATEMENTS.lock().unwrap().get_or_insert_default().insert(url.clone(), Statements::default());
    // The listener hears only connections opened from now on, so `work` starts a new replica.
    work();
    let mut watched = STATEMENTS.lock().unwrap();
    watched.as_mut().and_then(|watched| watched.remove(&url)).unwrap_or_default()
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// Returns true if the condition is always false; the database does not run such a statement.
fn is_always_empty(statement: &str) -> bool {
    statement.contains("(1=0)")
}

/// Returns the database's plan for a statement, one line per step.
fn plan(server: &Server, statement: &str) -> Vec<String> {
    let lines: Vec<Line> = match server.engine {
        Engine::Sqlite => {
            let path = server.database_url.trim_start_matches("sqlite://");
            let mut conn = SqliteConnection::establish(path).unwrap();
            diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}")).load(&mut conn).unwrap()
        }
        Engine::Postgres => {
            let mut conn = PostgresConnection::establish(&server.database_url).unwrap();
            let most = (1..100).take_while(|number| statement.contains(&format!("${number}"))).count();
            let values = vec!["NULL"; most].join(", ");
            let values = if most == 0 { String::new() } else { format!("({values})") };
            conn.batch_execute(&format!(
                "SET plan_cache_mode = force_generic_plan; PREPARE asked AS {statement};
                 CREATE FUNCTION pg_temp.steps() RETURNS TABLE (detail text) LANGUAGE plpgsql AS
                 $steps$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN EXECUTE asked{values}'; END $steps$"
            ))
            .unwrap();
            diesel::sql_query("SELECT detail FROM pg_temp.steps()").load(&mut conn).unwrap()
        }
    };
    lines.into_iter().map(|line| line.detail).collect()
}

/// Returns the database's own choice of a plan for a statement without parameters, one line per step.
pub fn explained(server: &Server, statement: &str) -> Vec<String> {
    let lines: Vec<Line> = match server.engine {
        Engine::Sqlite => return plan(server, statement),
        Engine::Postgres => {
            let mut conn = PostgresConnection::establish(&server.database_url).unwrap();
            let quoted = statement.replace('\'', "''");
            conn.batch_execute(&format!(
                "CREATE FUNCTION pg_temp.steps() RETURNS TABLE (detail text) LANGUAGE plpgsql AS
                 $steps$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN {quoted}'; END $steps$"
            ))
            .unwrap();
            diesel::sql_query("SELECT detail FROM pg_temp.steps()").load(&mut conn).unwrap()
        }
    };
    lines.into_iter().map(|line| line.detail).collect()
}

/// Tables that grow with the number of accounts.
const GROWING: [&str; 6] =
    ["users", "user_roles", "user_search_terms", "sessions", "refresh_tokens", "audit"];

/// Returns true if a step of the plan scans a whole table or a whole index.
fn scans_table(step: &str) -> bool {
    let step = step.trim_start();
    // This partial index has only the lines that are not sealed yet.
    if step.ends_with(" USING INDEX audit_unsealed") {
        return false;
    }
    GROWING.iter().any(|table| {
        step.contains(&format!("Seq Scan on {table} "))
            || step.split(" USING").next() == Some(&format!("SCAN {table}"))
    })
}

fn import(server: &Server, accounts: usize) {
    let lines = (0..accounts).fold(String::new(), |mut lines, number| {
        let status = if number % 1_000 == 7 { "suspended" } else { "active" };
        let roles = if number % 1_000 == 8 { "support" } else { "user" };
        let name = match number {
            number if number % 12 == 0 => "Early",
            number if number % 50 == 7 => "Seldom",
            _ => "Number",
        };
        let account = json!({
            "email": format!("user{number}@example.com"), "external_id": number.to_string(), "status": status, "roles": [roles],
            // The first names of a list are not among the names that are too many to sort.
            "profile": { "name": format!("{name} {number}") },
            "created_at": format!("2025-{:02}-{:02}T00:00:00Z", number % 12 + 1, number % 28 + 1),
        });
        writeln!(lines, "{account}").unwrap();
        lines
    });
    let told = server.operator_with_input(&["users", "import", "-"], &lines);
    // On a slow machine a transaction that was committed late is repeated, and its accounts existed already.
    let counts =
        told.split(|digit: char| !digit.is_ascii_digit()).filter_map(|count| count.parse::<usize>().ok());
    assert_eq!(counts.take(2).sum::<usize>(), accounts, "{told}");
    db_multiply(server);
    db_fill(server);
    as_in_use(server);
}

/// Copies each account nine times on PostgreSQL, which scans a table from end to end if that is cheaper than to look up
/// a few thousand rows in it.
fn db_multiply(server: &Server) {
    if server.engine == Engine::Sqlite {
        return;
    }
    let copy = "(substr(replace(CAST(%.id AS text), '-', ''), 1, 24) || lpad(to_hex(n), 8, '0'))::uuid";
    let [of_user, of_role, of_term] = ["u.id", "r.user_id", "t.user_id"].map(|id| copy.replace("%.id", id));
    server.db_run(&format!(
        "INSERT INTO users SELECT copy.* FROM users u, generate_series(1, 9) n,
             LATERAL jsonb_populate_record(u, jsonb_build_object('id', {of_user},
                 'email', 'copy' || n || u.email, 'email_key', 'copy' || n || u.email_key, 'external_id', NULL)) copy;
         INSERT INTO user_roles (user_id, role, created_at, email_key)
             SELECT {of_role}, role, created_at, 'copy' || n || email_key FROM user_roles r, generate_series(1, 9) n;
         INSERT INTO user_search_terms (user_id, term)
             SELECT {of_term}, CASE WHEN term LIKE '_%@%' THEN 'copy' || n || term ELSE term END
             FROM user_search_terms t, generate_series(1, 9) n;"
    ));
}

/// Gives each account a session, a refresh token and entries in the trail, so that each table has many rows. In a
/// small table PostgreSQL rightly reads all rows.
fn db_fill(server: &Server) {
    let (hash, later) = match server.engine {
        Engine::Sqlite => ("id", "created_at + 315360000000000"),
        Engine::Postgres => ("uuid_send(id)", "created_at + interval '10 years'"),
    };
    let sealed = if server.engine == Engine::Sqlite { "x'00'" } else { "'\\x00'" };
    server.db_run(&format!(
        "INSERT INTO sessions (id, user_id, client_id, created_at, last_used_at, expires_at, auth_time, scope)
             SELECT id, id, 'cloakroom', created_at, created_at, {later}, created_at, '' FROM users;
         INSERT INTO refresh_tokens (hash, session_id, expires_at) SELECT {hash}, id, {later} FROM users;
         INSERT INTO audit (id, at, outcome, action, resource, count, owner_id, actor, position)
             SELECT id, created_at, 'done', 'read', 'user', 1, id, email_key, 1000000 + row_number() OVER () FROM users;
         INSERT INTO audit_seals (position, seal) SELECT max(position), {sealed} FROM audit;"
    ));
}

/// Returns how many rows PostgreSQL has read in scans of whole tables that grow. It counts those of closed
/// connections.
fn db_rows_scanned(server: &Server) -> i64 {
    let tables = GROWING.map(|table| format!("'{table}'")).join(", ");
    server.db_number(&format!(
        "SELECT sum(seq_tup_read)::bigint AS total FROM pg_stat_user_tables WHERE relname IN ({tables})"
    ))
}

/// Starts a replica. On PostgreSQL its connections have a name.
fn named_replica(server: &Server) -> Server {
    let join = if server.database_url.contains('?') { '&' } else { '?' };
    match server.engine {
        Engine::Sqlite => server.replica(),
        Engine::Postgres => {
            let named = format!("{}{join}application_name=counted", server.database_url);
            server.replica_with(&[("DATABASE_URL", &named)])
        }
    }
}

/// Updates the statistics, as autovacuum does in a database in use.
pub fn as_in_use(server: &Server) {
    if server.engine == Engine::Postgres {
        PostgresConnection::establish(&server.database_url).unwrap().batch_execute("VACUUM ANALYZE").unwrap();
    }
}

on_both_engines! {
    fn no_request_scans_a_whole_table(server) {
        import(&server, ACCOUNTS);
        let admin = server.admin();
        let filters = [
            "email=user7@example.com", "external_id=7", "external_id=7&role=user&status=active", "q=user&external_id=7", "q=user7@", "q=NUMBER%2077", "q=user", "q=number", "q=early", "q=number&role=user",
            "q=seldom", "q=seldom&role=user", "q=seldom&status=active", "q=seldom&role=support",
            "q=77", "q=@example.com", "q=early&role=user",
            "q=user7@&role=user&status=active", "q=user&role=support", "q=number&status=suspended", "role=support",
            "role=user", "status=suspended", "role=user&status=suspended",
            "created_after=2025-12-27T00:00:00Z", "created_before=2025-01-02T00:00:00Z", "",
        ];
        let mut replica = None;
        let scanned = (server.engine == Engine::Postgres).then(|| db_rows_scanned(&server));
        let heard = heard(&server, || {
            let server = replica.insert(named_replica(&server));
            for filter in filters {
                for sort in ["created_at", "-created_at", "email", "-email", "name", "-last_login_at"] {
                    let path = format!("/users?{filter}&sort={sort}&limit=2").replace("?&", "?");
                    let page = server.get(&path).bearer(&admin.token).send().expect(200).json();
                    if let Some(next) = page["next"].as_str() {
                        server.get(&format!("{path}&cursor={next}")).bearer(&admin.token).send().expect(200);
                    }
                }
            }
            let ada = server.register("ada");
            server.get(&ada.path()).bearer(&ada.token).send().expect(200);
            server.get(&format!("{}/profile", ada.path())).bearer(&ada.token).send().expect(200);
            server.get(&format!("{}/sessions", ada.path())).bearer(&ada.token).send().expect(200);
            server.get("/users/me/audit").bearer(&ada.token).send().expect(200);
            let wrong = json!({ "email": ada.email, "password": "wrong" });
            server.post("/sessions").json(&wrong).send().expect(401);
            let change = json!({ "current_password": PASSWORD, "new_password": "another unusual passphrase" });
            server.put(&format!("{}/password", ada.path())).bearer(&ada.token).json(&change).send().expect(204);
            server.delete(&ada.path()).bearer(&ada.token).send();
        });
        assert!(heard.sent.len() > 60, "statements are recorded: {:#?}", heard.sent);
        let mut lists = 0;
        let reads = |text: &&String| ["SELECT", "WITH", "UPDATE", "DELETE"].iter().any(|verb| text.starts_with(verb));
        for statement in heard.sent.iter().filter(reads).filter(|text| !is_always_empty(text)) {
            let steps = plan(&server, statement);
            let grown: Vec<&String> = steps.iter().filter(|step| scans_table(step)).collect();
            // A list without a filter follows an index up to its limit.
            let in_order = steps.iter().any(|step| {
                let step = step.replace("COVERING ", "");
                let index = step.strip_prefix("SCAN users USING INDEX ").unwrap_or_default();
                let orders = ["users_by_created_at", "sqlite_autoindex_users", "users_by_name", "users_by_last_login"];
                orders.iter().any(|order| index.starts_with(order))
            });
            // So does a search with thousands of matches: they fill the page soon.
            let text = statement.replace(['"', '`'], "");
            // And an order by the name or the login, which looks at 10,000 users at most.
            let is_bounded = text.contains("COALESCE(") || (!text.contains("status =") && !text.contains("FROM user_roles"));
            let allowed = in_order && text.contains("LIMIT") && is_bounded;
            lists += usize::from(statement.contains("ORDER BY"));
            assert!(grown.is_empty() || allowed, "{statement}\n{steps:#?}");
            // PostgreSQL chooses a bad plan if it learns the limit only at execution time.
            let of_users = statement.replace(['"', '`', '('], "").contains("FROM user");
            assert!(!of_users || !statement.contains("LIMIT $"), "{statement}");
        }
        assert!(lists > 30);
        drop(replica);
        // The plans above are those of a prepared statement. PostgreSQL also makes plans for given values, and
        // counts what they read when their connection is closed.
        if let Some(scanned) = scanned {
            let open = "SELECT count(*) AS total FROM pg_stat_activity WHERE application_name = 'counted'";
            eventually("the connections are closed", || server.db_number(open) == 0);
            let scanned = db_rows_scanned(&server) - scanned;
            assert!(scanned < i64::try_from(ACCOUNTS).unwrap(), "{scanned} rows were read in scans of whole tables");
        }
    }

    fn requests_reuse_prepared_statements(server) {
        let ada = server.register("ada");
        let login = json!({ "email": ada.email, "password": PASSWORD });
        let mut replica = None;
        let heard = heard(&server, || {
            let server = replica.insert(server.replica());
            let tokens = server.post("/sessions").json(&login).send().expect(200).json();
            let refresh_token = tokens["refresh_token"].as_str().expect("a refresh token");
            let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("client_id", "cloakroom")];
            server.post("/oauth/token").form(&form).send().expect(200);
            let profile = format!("{}/profile", ada.path());
            server.get(&profile).bearer(&ada.token).send().expect(200);
            server.patch(&profile).bearer(&ada.token).json(&json!({ "name": "Ada" })).send().expect(200);
            server.get(&ada.path()).bearer(&ada.token).send().expect(200);
            server.get(&format!("{}/sessions", ada.path())).bearer(&ada.token).send().expect(200);
        });
        // Statements at start-up and of background duties, and audit inserts of a varying number of lines, are
        // not prepared per request.
        let behind = [
            "pg_advisory_xact_lock",
            "audit_seals",
            "unnest(",
            "AS oldest",
            "server_encoding",
            "__diesel_schema_migrations",
            "audit_person_keys",
            "audit_day_keys",
            "substr(address",
            "`users`.`id` IN (?",
        ];
        let of_a_request = |text: &&String| {
            let verb = text.split(' ').next().unwrap_or_default();
            ["SELECT", "INSERT", "UPDATE", "DELETE"].contains(&verb) && !behind.iter().any(|word| text.contains(word))
        };
        let anew: Vec<_> = heard.sent.difference(&heard.prepared).filter(of_a_request).collect();
        assert!(heard.prepared.len() > 15, "statements are recorded: {:#?}", heard.prepared);
        assert!(anew.is_empty(), "{anew:#?}");
        drop(replica);
    }

    fn login_does_not_read_ended_sessions(server) {
        let ada = server.register("ada");
        let login = json!({ "email": ada.email, "password": PASSWORD });
        let mut replica = None;
        let heard = heard(&server, || {
            replica.insert(server.replica()).post("/sessions").json(&login).send().expect(200);
        });
        let bare = heard.sent.iter().map(|text| text.replace(['"', '`'], ""));
        let of_sessions: Vec<_> = bare.filter(|text| text.contains(" sessions ")).collect();
        assert!(of_sessions.iter().any(|text| text.starts_with("INSERT")), "{of_sessions:#?}");
        // Allowed in an `EXISTS` of the same statement: is there a session from the same address?
        let of_user = of_sessions.iter().filter(|text| text.contains("sessions.user_id ="));
        let reading: Vec<_> = of_user.filter(|text| !text.starts_with("SELECT EXISTS")).collect();
        // The bounded look for the oldest sessions reads its rows in the order of an index.
        let [surplus] = reading[..] else { panic!("{reading:#?}") };
        assert!(surplus.ends_with("LIMIT 10 OFFSET 100"), "{surplus}");
        let steps = plan(&server, surplus);
        assert!(steps.iter().any(|step| step.contains("sessions_by_client_id")), "{steps:#?}");
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE") || step.contains("Sort")), "{steps:#?}");
        drop(replica);
    }

    fn refresh_cost_is_independent_of_earlier_refreshes(server) {
        let ada = server.register("ada");
        let login = json!({ "email": ada.email, "password": PASSWORD });
        let mut last = server.post("/sessions").json(&login).send().expect(200).json();
        let exchange = |server: &Server, last: &Value| {
            let token = last["refresh_token"].as_str().expect("a refresh token");
            let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "cloakroom")];
            server.post("/oauth/token").form(&form).send().expect(200).json()
        };
        for _ in 0..300 {
            last = exchange(&server, &last);
        }
        as_in_use(&server);
        let mut replica = None;
        let heard = heard(&server, || {
            exchange(replica.insert(server.replica()), &last);
        });
        let of_session = |text: &&String| {
            let text = text.replace(['"', '`'], "");
            text.starts_with("UPDATE refresh_tokens") && text.contains("session_id =")
        };
        let of_session: Vec<_> = heard.sent.iter().filter(of_session).collect();
        assert!(!of_session.is_empty());
        for statement in of_session {
            let steps = plan(&server, statement);
            assert!(steps.iter().any(|step| step.contains("refresh_tokens_answered")), "{statement}\n{steps:#?}");
        }
        drop(replica);
    }
}

#[test]
fn detects_a_plan_with_a_table_scan() {
    let server = Server::start(Engine::Sqlite);
    let scans = |statement: &str| plan(&server, statement).iter().any(|step| scans_table(step));
    assert!(scans("SELECT id FROM users WHERE updated_at = 7"));
    assert!(scans("SELECT count(*) FROM user_roles"));
    assert!(!scans("SELECT id FROM users WHERE email_key = 'a'"));
    assert!(scans_table("  ->  Seq Scan on users  (cost=0.00..1.00 rows=1 width=1)"));
}
