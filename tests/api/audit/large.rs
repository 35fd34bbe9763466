//! A large trail: a page reads a bounded part of it, by whichever filter.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Engine, Server, eventually, on_both_engines};

/// Entries of the trail, of which the oldest is another one than the rest.
const LINES: usize = 60_000;

/// Number of reads that a page may take: 10,000 entries are read in an index for the end of the page, and again in
/// an index and in the table. Some more are of other duties.
const MOST_READ: i64 = 35_000;

/// Inserts sealed entries. The oldest has values that no other entry has.
fn db_trail(server: &Server) {
    let id = match server.engine {
        Engine::Sqlite => "unhex(printf('%012x70008000%012x', 1700000000000 + n, n))",
        Engine::Postgres => {
            "(lpad(to_hex(1700000000000 + n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid"
        }
    };
    let at = match server.engine {
        Engine::Sqlite => "(1700000000000 + n) * 1000",
        Engine::Postgres => "to_timestamp((1700000000000 + n) / 1000.0)",
    };
    let value = |rare: &str, common: &str| format!("CASE WHEN n = 1 THEN '{rare}' ELSE '{common}' END");
    let columns = [
        ("outcome", value("overflow", "done")),
        ("reason", value("rare", "not-owner")),
        ("action", value("rare", "read")),
        ("resource", value("rare", "user")),
        ("record", value("rare", "common")),
        ("actor", value("rare", "common")),
        ("client_id", value("rare", "common")),
        ("address", value("rare", "common")),
        ("request_id", value("rare", "common")),
    ];
    let (names, values): (Vec<&str>, Vec<String>) = columns.into_iter().unzip();
    let (names, values) = (names.join(", "), values.join(", "));
    server.db_run(&format!(
        "INSERT INTO audit (id, at, count, position, {names})
         WITH RECURSIVE t (n) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT n + 1 FROM t WHERE n < {LINES})
         SELECT {id}, {at}, 1, 1000 + n, {values} FROM t;
         INSERT INTO audit_seals (position, seal) VALUES ({}, {});",
        1_000 + LINES,
        if server.engine == Engine::Sqlite { "x'00'" } else { "'\\x00'" }
    ));
    if server.engine == Engine::Postgres {
        server.db_run("VACUUM ANALYZE audit");
    }
}

/// Returns how many entries the database has read by now. It counts those of closed connections.
fn db_entries_read(server: &Server) -> i64 {
    server.db_number(
        "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) +
             (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'audit')::bigint AS total
         FROM pg_stat_user_tables WHERE relname = 'audit'",
    )
}

/// Returns all pages of a query: the number of entries of each, and the actions.
fn pages(server: &Server, token: &str, filter: &str) -> (Vec<usize>, BTreeSet<String>) {
    let (mut sizes, mut actions, mut cursor) = (Vec::new(), BTreeSet::new(), String::new());
    loop {
        let path = format!("/audit?limit=200&{filter}{cursor}");
        let page = server.get(&path).bearer(token).send().expect(200).json();
        let items = page["items"].as_array().unwrap();
        sizes.push(items.len());
        actions.extend(items.iter().map(|item| item["action"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { return (sizes, actions) };
        cursor = format!("&cursor={next}");
    }
}

on_both_engines! {
    fn rare_value_of_an_indexed_filter_is_on_the_first_page(server) {
        let auditor = server.client_token("auditor", "audit:read:any");
        db_trail(&server);
        for filter in ["actor=rare", "action=rare", "record=rare", "reason=rare", "client_id=rare", "request_id=rare"] {
            let (sizes, actions) = pages(&server, &auditor, filter);
            assert_eq!((sizes, actions), (vec![1], BTreeSet::from(["rare".to_owned()])), "{filter}");
        }
        let (sizes, _) = pages(&server, &auditor, "since=2023-11-14T22:00:00Z&until=2023-11-14T22:13:20.002Z&resource=rare");
        assert_eq!(sizes.iter().sum::<usize>(), 1, "a window of time: {sizes:?}");
    }

    fn pages_of_other_filters_lead_to_the_end_of_the_trail(server) {
        let auditor = server.client_token("auditor", "audit:read:any");
        db_trail(&server);
        for filter in ["outcome=overflow", "resource=rare", "client_id=common&resource=rare", "actor=common&action=read&outcome=overflow"] {
            let (sizes, actions) = pages(&server, &auditor, filter);
            let expected = usize::from(!filter.contains("common"));
            assert_eq!((sizes.iter().sum::<usize>(), actions.len()), (expected, expected), "{filter}: {sizes:?}");
            assert!((6..=8).contains(&sizes.len()), "{filter}: {sizes:?}");
        }
        let stream = |filter: &str| {
            let request = server.get(&format!("/audit?{filter}")).bearer(&auditor);
            request.header("accept", "application/x-ndjson").send().expect(200).body
        };
        assert_eq!(stream("resource=rare").lines().count(), 1);
        assert_eq!(stream("resource=rare&actor=common"), "");
        let all: Value = serde_json::from_str(stream("client_id=rare").trim()).unwrap();
        assert_eq!(all["resource"], "rare");
    }
}

#[test]
fn page_reads_a_bounded_part_of_the_trail_on_postgres() {
    if !crate::support::Postgres::is_available() {
        return;
    }
    let server = Server::start(Engine::Postgres);
    let auditor = server.client_token("auditor", "audit:read:any");
    db_trail(&server);
    for filter in [
        "",
        "outcome=overflow",
        "resource=rare",
        "actor=common&outcome=overflow",
        "action=read&actor=rare",
        "actor=common&action=rare",
        "record=common&address=rare",
        "client_id=common&reason=rare",
        "since=2023-01-01T00:00:00Z&outcome=overflow",
        "until=2023-11-14T22:13:21Z&outcome=overflow",
    ] {
        let before = db_entries_read(&server);
        let join = if server.database_url.contains('?') { '&' } else { '?' };
        let named = format!("{}{join}application_name=counted", server.database_url);
        let replica = server.replica_with(&[("DATABASE_URL", &named)]);
        replica.get(&format!("/audit?{filter}")).bearer(&auditor).send().expect(200);
        drop(replica);
        // The statistics of a connection are complete when it is closed.
        let open = "SELECT count(*) AS total FROM pg_stat_activity WHERE application_name = 'counted'";
        eventually("the connections are closed", || server.db_number(open) == 0);
        let read = db_entries_read(&server) - before;
        assert!(read > 0, "{filter}: entries are counted");
        assert!(read < MOST_READ, "{filter}: {read} entries were read");
    }
}
