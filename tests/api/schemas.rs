//! The schemas of the two engines are equivalent.

use std::collections::BTreeSet;
use std::time::Duration;

use cloakroom::App;
use cloakroom::store::Engine as StoreEngine;
use cloakroom::store::PostgresConnection;
use diesel::SqliteConnection;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use secrecy::SecretString;

use crate::support::Postgres;

#[derive(QueryableByName, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Column {
    #[diesel(sql_type = Text)]
    relation: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

#[derive(QueryableByName, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Index {
    #[diesel(sql_type = Text)]
    relation: String,
    #[diesel(sql_type = Bool)]
    is_unique: bool,
    #[diesel(sql_type = Text)]
    columns: String,
}

#[derive(QueryableByName, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ForeignKey {
    #[diesel(sql_type = Text)]
    relation: String,
    #[diesel(sql_type = Text)]
    target: String,
    #[diesel(sql_type = Text)]
    on_delete: String,
}

type Schema = (BTreeSet<Column>, BTreeSet<Index>, BTreeSet<ForeignKey>);

fn of_sqlite(conn: &mut SqliteConnection) -> Schema {
    let ours = "m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '__diesel%'";
    let columns = format!(
        "SELECT m.name AS relation, c.name AS name, upper(c.type) AS kind, NOT c.\"notnull\" AS nullable \
         FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE {ours}"
    );
    let indexes = format!(
        "SELECT m.name AS relation, i.\"unique\" AS is_unique, \
           (SELECT group_concat(name, ',') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno)) AS columns \
         FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE {ours} \
         UNION SELECT m.name, 1, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
           WHERE {ours} AND c.pk = 1 AND upper(c.type) = 'INTEGER'"
    );
    let keys = format!(
        "SELECT m.name AS relation, f.\"table\" || '.' || f.\"to\" AS target, f.on_delete AS on_delete \
         FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE {ours}"
    );
    (load(conn, &columns), load(conn, &indexes), load(conn, &keys))
}

fn of_postgres(conn: &mut PostgresConnection) -> Schema {
    let columns = "SELECT table_name::text AS relation, column_name::text AS name, upper(data_type)::text AS kind, \
           is_nullable = 'YES' AS nullable FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_diesel%'";
    let indexes = "SELECT t.relname::text AS relation, x.indisunique AS is_unique, \
           (SELECT string_agg(a.attname::text, ',' ORDER BY k.position) FROM unnest(x.indkey) WITH ORDINALITY k(number, position) \
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number) AS columns \
         FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
         WHERE n.nspname = 'public' AND t.relname NOT LIKE '\\_\\_diesel%'";
    let keys = "SELECT c.conrelid::regclass::text AS relation, c.confrelid::regclass::text || '.' || a.attname AS target, \
           CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'OTHER' END AS on_delete \
         FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = c.confkey[1] WHERE c.contype = 'f'";
    (load(conn, columns), load(conn, indexes), load(conn, keys))
}

fn load<C, T>(conn: &mut C, sql: &str) -> BTreeSet<T>
where
    C: Connection + diesel::connection::LoadConnection,
    T: diesel::deserialize::QueryableByName<C::Backend> + Ord + 'static,
    diesel::query_builder::SqlQuery: diesel::query_dsl::LoadQuery<'static, C, T>,
{
    let rows: Vec<T> = diesel::sql_query(sql.to_owned()).load(conn).expect(sql);
    rows.into_iter().collect()
}

/// Maps a column type of either engine to a common name.
fn concept(kind: &str) -> &'static str {
    match kind {
        "TEXT" => "text",
        "BOOLEAN" => "boolean",
        "UUID" => "blob or id",
        "BYTEA" | "BLOB" => "blob or id",
        "BIGINT" | "INTEGER" | "TIMESTAMP WITH TIME ZONE" => "number or time",
        other => panic!("{other} has no counterpart"),
    }
}

#[test]
fn both_engines_have_the_same_schema() {
    if !Postgres::is_available() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("schema.db");
    App::default().migrate(&StoreEngine::Sqlite(path.clone())).unwrap();
    let mut sqlite = of_sqlite(&mut SqliteConnection::establish(path.to_str().unwrap()).unwrap());
    let mut postgres = of_postgres(&mut PostgresConnection::establish(&Postgres::new_database()).unwrap());
    for schema in [&mut sqlite, &mut postgres] {
        let columns = std::mem::take(&mut schema.0);
        schema.0 = columns
            .into_iter()
            .map(|column| Column { kind: concept(&column.kind).to_owned(), ..column })
            .collect();
    }
    assert_eq!(sqlite.0, postgres.0, "columns");
    assert_eq!(sqlite.1, postgres.1, "indexes");
    assert_eq!(sqlite.2, postgres.2, "foreign keys");
    assert!(sqlite.0.len() > 60 && sqlite.1.len() > 20);
    assert_eq!(sqlite.2.len(), 7);
}

#[cfg(unix)]
#[test]
fn new_sqlite_database_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("private.db");
    App::default().migrate(&StoreEngine::Sqlite(path.clone())).unwrap();
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn concurrent_starts_migrate_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut engines = vec![StoreEngine::Sqlite(dir.path().join("together.db"))];
    if Postgres::is_available() {
        engines.push(StoreEngine::Postgres(SecretString::from(Postgres::new_empty_database())));
    }
    for engine in engines {
        let applied: Vec<Vec<String>> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| App::default().migrate(&engine).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(applied.iter().filter(|names| !names.is_empty()).count(), 1, "{applied:?}");
        assert!(App::default().migration_states(&engine).unwrap().iter().all(|state| state.applied));
    }
}

#[test]
fn start_waits_for_the_migration_of_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("locked.db");
    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN EXCLUSIVE").unwrap();
    std::thread::scope(|scope| {
        let start = scope.spawn(|| App::default().migrate(&StoreEngine::Sqlite(path)));
        // Longer than a request waits for a lock.
        std::thread::sleep(Duration::from_secs(2));
        assert!(!start.is_finished());
        other.batch_execute("COMMIT").unwrap();
        assert!(!start.join().unwrap().unwrap().is_empty());
    });
}
