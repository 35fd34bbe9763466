//! Transient faults: the database rolls a transaction back because of a conflict, or the connection is lost
//! before the commit. The server retries, and the caller sees no error. A connection lost during the commit
//! is not retried but reported.

use cloakroom::store::PostgresConnection;
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _};
use serde_json::json;

use crate::support::{Answer, Engine, Postgres, Server};

/// Fault of the first transactions that change an account.
#[derive(Clone, Copy)]
enum Fault {
    /// The statement fails with this SQLSTATE.
    Fails(&'static str),
    /// The connection is terminated.
    CutOff,
    /// The connection is terminated during the commit.
    CutOffDuringCommit,
}

fn db_inject(server: &Server, fault: Fault, times: u32) {
    let (does, when) = match fault {
        Fault::Fails(state) => (
            format!(
                "RAISE EXCEPTION 'Fehler: Verbindung, Sperre, Zeitüberschreitung' USING ERRCODE = '{state}'"
            ),
            "IMMEDIATE",
        ),
        Fault::CutOff => ("PERFORM pg_terminate_backend(pg_backend_pid())".to_owned(), "IMMEDIATE"),
        Fault::CutOffDuringCommit => {
            ("PERFORM pg_terminate_backend(pg_backend_pid())".to_owned(), "DEFERRED")
        }
    };
    let mut conn = PostgresConnection::establish(&server.database_url).unwrap();
    conn.batch_execute(&format!(
        "CREATE SEQUENCE tries;
         CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('tries') <= {times} THEN {does}; END IF;
             RETURN NULL;
         END $$;
         CREATE CONSTRAINT TRIGGER fault AFTER UPDATE ON users DEFERRABLE INITIALLY {when}
             FOR EACH ROW EXECUTE FUNCTION fault();"
    ))
    .unwrap();
}

/// Returns the number of attempts.
fn db_tries(server: &Server) -> i64 {
    #[derive(QueryableByName)]
    struct Tries {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        last_value: i64,
    }
    let mut conn = PostgresConnection::establish(&server.database_url).unwrap();
    let tries = diesel::sql_query("SELECT last_value FROM tries");
    tries.get_result::<Tries>(&mut conn).unwrap().last_value
}

struct World {
    server: Server,
    token: String,
}

impl World {
    /// Returns `None`, with a message, without PostgreSQL: SQLite has neither conflicts nor network
    /// connections.
    fn new() -> Option<Self> {
        Postgres::is_available().then(|| {
            let server = Server::start(Engine::Postgres);
            let token = server.register("ada").token;
            Self { server, token }
        })
    }

    fn rename(&self, name: &str) -> Answer {
        let put = self.server.put("/users/me/profile").bearer(&self.token);
        put.json(&json!({ "name": name })).send()
    }

    fn name(&self) -> String {
        let profile = self.server.get("/users/me/profile").bearer(&self.token).send().expect(200).json();
        profile["name"].as_str().unwrap_or_default().to_owned()
    }
}

#[test]
fn retries_a_rolled_back_transaction() {
    for state in ["40001", "40P01"] {
        let Some(world) = World::new() else { return };
        db_inject(&world.server, Fault::Fails(state), 3);
        world.rename("Ada").expect(200);
        assert_eq!((world.name().as_str(), db_tries(&world.server)), ("Ada", 4), "{state}");
        let trail = world.server.get("/users/me/audit").bearer(&world.token).send().expect(200).json();
        let updates = trail["items"].as_array().unwrap().iter().filter(|line| line["action"] == "update");
        assert_eq!(updates.count(), 1, "the change must be applied once: {trail}");
    }
}

#[test]
fn temporary_error_in_any_language_is_503() {
    // lock_not_available, query_canceled, disk_full, too_many_connections, read_only_sql_transaction, admin_shutdown
    for state in ["55P03", "57014", "53100", "53300", "25006", "57P01"] {
        let Some(world) = World::new() else { return };
        db_inject(&world.server, Fault::Fails(state), 1_000_000);
        let put = world.server.put("/users/me/profile").bearer(&world.token);
        super::expect_unavailable(state, put.json(&json!({ "name": "Ada" })));
        assert_eq!(world.name(), "", "{state}");
    }
}

#[test]
fn permanent_conflict_is_503_without_a_change() {
    let Some(world) = World::new() else { return };
    db_inject(&world.server, Fault::Fails("40001"), 1_000_000);
    let put = world.server.put("/users/me/profile").bearer(&world.token);
    super::expect_unavailable("an undone change", put.json(&json!({ "name": "Ada" })));
    assert_eq!(world.name(), "");
    assert!(db_tries(&world.server) > 10, "{}", db_tries(&world.server));
}

#[test]
fn retries_a_connection_lost_before_commit() {
    let Some(world) = World::new() else { return };
    db_inject(&world.server, Fault::CutOff, 2);
    world.rename("Ada").expect(200);
    assert_eq!((world.name().as_str(), db_tries(&world.server)), ("Ada", 3));
}

#[test]
fn lost_commit_is_reported_as_outcome_unknown() {
    let Some(world) = World::new() else { return };
    db_inject(&world.server, Fault::CutOffDuringCommit, 1);
    let answer = world.rename("Ada").expect_problem(503, "outcome-unknown");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(db_tries(&world.server), 1);
    world.rename("Ada").expect(200);
}
