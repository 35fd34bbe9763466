//! What passes by itself: the database undoes a transaction in favour of another, or its connection
//! breaks before the commit. Then it is done again and the caller notices nothing. Where it breaks in
//! the commit, it is not, and the caller is told.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _};
use serde_json::json;

use crate::support::{Answer, Engine, Postgres, Server};

/// What happens to a transaction that changes an account, the first few times.
#[derive(Clone, Copy)]
enum Fault {
    /// It fails with this state.
    Fails(&'static str),
    /// Its connection is ended.
    IsCutOff,
    /// Its connection is ended in the commit.
    IsCutOffInTheCommit,
}

fn db_let(server: &Server, fault: Fault, times: u32) {
    let (does, when) = match fault {
        Fault::Fails(state) => {
            (format!("RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '{state}'"), "IMMEDIATE")
        }
        Fault::IsCutOff => ("PERFORM pg_terminate_backend(pg_backend_pid())".to_owned(), "IMMEDIATE"),
        Fault::IsCutOffInTheCommit => {
            ("PERFORM pg_terminate_backend(pg_backend_pid())".to_owned(), "DEFERRED")
        }
    };
    let mut conn = PgConnection::establish(&server.database_url).unwrap();
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

/// How often it was tried.
fn db_tries(server: &Server) -> i64 {
    #[derive(QueryableByName)]
    struct Tries {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        last_value: i64,
    }
    let mut conn = PgConnection::establish(&server.database_url).unwrap();
    let tries = diesel::sql_query("SELECT last_value FROM tries");
    tries.get_result::<Tries>(&mut conn).unwrap().last_value
}

struct World {
    server: Server,
    token: String,
}

impl World {
    /// None, said aloud, where there is no PostgreSQL: SQLite undoes nothing, and has no connection.
    fn new() -> Option<Self> {
        Postgres::is_here().then(|| {
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
fn what_the_database_undoes_is_done_again() {
    for state in ["40001", "40P01"] {
        let Some(world) = World::new() else { return };
        db_let(&world.server, Fault::Fails(state), 3);
        world.rename("Ada").expect(200);
        assert_eq!((world.name().as_str(), db_tries(&world.server)), ("Ada", 4), "{state}");
        let trail = world.server.get("/users/me/audit").bearer(&world.token).send().expect(200).json();
        let updates = trail["items"].as_array().unwrap().iter().filter(|line| line["action"] == "update");
        assert_eq!(updates.count(), 1, "it was done once: {trail}");
    }
}

#[test]
fn what_always_fails_is_503_in_time_and_has_not_happened() {
    let Some(world) = World::new() else { return };
    db_let(&world.server, Fault::Fails("40001"), 1_000_000);
    let put = world.server.put("/users/me/profile").bearer(&world.token);
    super::expect_unavailable("an undone change", put.json(&json!({ "name": "Ada" })));
    assert_eq!(world.name(), "");
    assert!(db_tries(&world.server) > 10, "{}", db_tries(&world.server));
}

#[test]
fn what_breaks_before_the_commit_is_done_again() {
    let Some(world) = World::new() else { return };
    db_let(&world.server, Fault::IsCutOff, 2);
    world.rename("Ada").expect(200);
    assert_eq!((world.name().as_str(), db_tries(&world.server)), ("Ada", 3));
}

#[test]
fn what_breaks_in_the_commit_is_not_done_again_and_the_caller_is_told() {
    let Some(world) = World::new() else { return };
    db_let(&world.server, Fault::IsCutOffInTheCommit, 1);
    let answer = world.rename("Ada").expect_problem(503, "outcome-unknown");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(db_tries(&world.server), 1);
    world.rename("Ada").expect(200);
}
