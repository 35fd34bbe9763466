//! What SQLite itself reaches: transactions a second of one row changed and one added, each on the disk before the next
//! begins, by one connection that does nothing else. Prints a number.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection, sql_query};

const FOR: Duration = Duration::from_secs(5);

/// About as long as a profile, and as a line of the audit trail.
const TEXT: &str = "what somebody says of themselves, about as long as a profile is, and a line of the trail";

fn main() {
    // Whoever runs all benches asks for their list, or for a trial, by an argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("bare.db").display().to_string();
    let mut conn = SqliteConnection::establish(&path).expect("a database");
    conn.batch_execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE people (id INTEGER PRIMARY KEY, profile TEXT NOT NULL);
         CREATE TABLE trail (id INTEGER PRIMARY KEY, line TEXT NOT NULL);
         INSERT INTO people VALUES (1, '')",
    )
    .expect("two tables");
    let (mut done, began) = (0_i64, Instant::now());
    let mut count = 0.0;
    while began.elapsed() < FOR {
        done += 1;
        count += 1.0;
        conn.batch_execute("BEGIN IMMEDIATE").expect("a transaction");
        let change =
            sql_query("UPDATE people SET profile = ? WHERE id = 1").bind::<Text, _>(format!("{TEXT} {done}"));
        change.execute(&mut conn).expect("a change");
        let line = sql_query("INSERT INTO trail VALUES (?, ?)").bind::<BigInt, _>(done).bind::<Text, _>(TEXT);
        line.execute(&mut conn).expect("a line");
        conn.batch_execute("COMMIT").expect("on the disk");
    }
    println!("{:.0}", count / began.elapsed().as_secs_f64());
}
