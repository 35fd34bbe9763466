//! Killed migrations roll back: at any write to SQLite's files, and at any statement of PostgreSQL. All
//! pending migrations are one transaction.

use cloakroom::store::PostgresConnection;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::BigInt;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection, sql_query};
use tempfile::TempDir;

use super::{disk, on_database};
use crate::support::{Postgres, Process};

/// Number of writes between two kills; each kill needs a new process.
const STRIDE: usize = 5;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[test]
fn killed_sqlite_migration_rolls_back() {
    let dir = TempDir::new().unwrap();
    let (library, path) = (disk::library(dir.path()).display().to_string(), dir.path().join("cloakroom.db"));
    let database = format!("sqlite://{}", path.display());
    let migrate = |write: usize| {
        let at = write.to_string();
        let own = vec![("LD_PRELOAD", library.as_str()), ("KILL_AT_WRITE", at.as_str())];
        let settings = [on_database(&database), own].concat();
        Process::command(dir.path(), &settings, &["migrate"]).status().unwrap().success()
    };
    let tables = || {
        let mut conn = SqliteConnection::establish(&path.display().to_string()).unwrap();
        sql_query("SELECT count(*) AS count FROM sqlite_schema").get_result::<Count>(&mut conn).unwrap().count
    };
    let mut found = Vec::new();
    while !migrate(1 + found.len() * STRIDE) {
        found.push(tables());
    }
    // After the commit, the process is killed while it closes the database; the migration then counts.
    let all = tables();
    assert!(all > 10 && found.iter().all(|tables| [0, all].contains(tables)), "{found:?} of {all}");
    assert!(found.iter().filter(|tables| **tables == 0).count() > 5, "{found:?}");
    Process::start(dir.path(), &on_database(&database)).get("/health/ready").send().expect(200);
}

#[test]
fn killed_postgresql_migration_rolls_back() {
    if !Postgres::is_available() {
        return;
    }
    let (dir, database) = (TempDir::new().unwrap(), Postgres::new_empty_database());
    let mut conn = PostgresConnection::establish(&database).unwrap();
    conn.batch_execute(
        "CREATE SCHEMA killer;
         CREATE SEQUENCE killer.statements;
         CREATE TABLE killer.deadly (statement bigint);
         CREATE FUNCTION killer.kill() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('killer.statements') = (SELECT max(statement) FROM killer.deadly) THEN
                 PERFORM pg_terminate_backend(pg_backend_pid());
             END IF;
         END $$;
         CREATE EVENT TRIGGER killer ON ddl_command_end EXECUTE FUNCTION killer.kill()",
    )
    .unwrap();
    let mut migrate = |statement: usize| {
        let restart = format!(
            "ALTER EVENT TRIGGER killer DISABLE; ALTER SEQUENCE killer.statements RESTART; \
             INSERT INTO killer.deadly VALUES ({statement}); ALTER EVENT TRIGGER killer ENABLE"
        );
        conn.batch_execute(&restart).unwrap();
        let migrated = Process::command(dir.path(), &on_database(&database), &["migrate"]).status().unwrap();
        let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
        let tables = sql_query(tables).get_result::<Count>(&mut conn).unwrap().count;
        (migrated.success(), tables)
    };
    let mut killed = 0;
    loop {
        let (migrated, tables) = migrate(killed + 1);
        if migrated {
            assert!(tables > 10);
            break;
        }
        assert_eq!(tables, 0, "killed at statement {}", killed + 1);
        killed += 1;
    }
    assert!(killed > 20, "killed only {killed} times");
    conn.batch_execute("DROP EVENT TRIGGER killer").unwrap();
    Process::start(dir.path(), &on_database(&database)).get("/health/ready").send().expect(200);
}
