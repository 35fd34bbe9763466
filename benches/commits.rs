//! Transactions per second of SQLite alone, with the server's tables and one connection. Each transaction reads
//! an account, changes its profile and adds an audit line, and is on disk before the next begins. Reads the
//! database's path from the variable DATABASE, which `benches/writes` sets. Prints a number.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection, sql_query};

const FOR: Duration = Duration::from_secs(5);

#[derive(QueryableByName)]
struct Account {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
}

fn main() {
    // A run of all benches asks each for its list, or for a trial run, with an argument.
    let path = std::env::var("DATABASE").unwrap_or_default();
    if path.is_empty() || !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let mut conn = SqliteConnection::establish(&path).expect("a database");
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";
    conn.batch_execute(settings).expect("settings");
    let Account { id } = sql_query("SELECT id FROM users LIMIT 1").get_result(&mut conn).expect("an account");
    let (mut done, began, mut count) = (0_i64, Instant::now(), 0.0);
    while began.elapsed() < FOR {
        done += 1;
        count += 1.0;
        change(&mut conn, &id, done);
    }
    println!("{:.0}", count / began.elapsed().as_secs_f64());
}

fn change(conn: &mut SqliteConnection, id: &[u8], number: i64) {
    conn.batch_execute("BEGIN IMMEDIATE").expect("a transaction");
    let read =
        sql_query("SELECT id, profile, profile_revision FROM users WHERE id = ?").bind::<Binary, _>(id);
    read.get_result::<Account>(conn).expect("the account");
    let change = sql_query("UPDATE users SET profile = ?, profile_revision = ?, name_key = ? WHERE id = ?")
        .bind::<Text, _>(format!(r#"{{"name":"Ada {number}","locale":"en"}}"#))
        .bind::<BigInt, _>(number)
        .bind::<Text, _>(format!("ada {number}"))
        .bind::<Binary, _>(id);
    change.execute(conn).expect("a change");
    // As long as an audit line, and in the same order.
    let line = sql_query(
        "INSERT INTO audit (id, at, outcome, action, resource, record, owner_id, actor, client_id, jti, address, request_id, \
         count, inputs) VALUES (?, ?, 'done', 'update', 'profile', '01890a5d-ac96-774b-bcce-b302099a8057', ?, \
         'user:01890a5d-ac96-774b-bcce-b302099a8057', 'cloakroom', '01890a5d-ac96-774b-bcce-b302099a8058', '127.0.0.1', \
         '01890a5d-ac96-774b-bcce-b302099a8059', 1, '{\"route\":\"PUT /users/{id}/profile\",\"scope\":\"profiles:read \
         profiles:write sessions:read users:read users:write\",\"roles\":[\"user\"]}')",
    )
    .bind::<Binary, _>([[0; 8], number.to_be_bytes()].concat())
    .bind::<BigInt, _>(number)
    .bind::<Binary, _>(id);
    line.execute(conn).expect("a line");
    conn.batch_execute("COMMIT").expect("on the disk");
}
