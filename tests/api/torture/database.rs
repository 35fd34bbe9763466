//! Crashes of PostgreSQL.

use tempfile::TempDir;

use super::{Ledger, eventually, for_a_while, on_database};
use crate::support::{Postgres, Process};

#[test]
fn acknowledged_changes_survive_postgresql_crashes() {
    let Some(mut cluster) = Postgres::dedicated_cluster() else { return };
    let dir = TempDir::new().unwrap();
    let database = cluster.url().replace("{}", "postgres");
    let settings = on_database(&database);
    let server = Process::start(dir.path(), &settings);
    let ledger = Ledger::of(&server.url, |ledger| {
        for_a_while(|| {
            let (enough, refused) = (ledger.done() + 10, ledger.not_done() + 3);
            eventually("enough is acknowledged", || ledger.done() >= enough);
            cluster.stop();
            eventually("requests during the fault are refused", || ledger.not_done() >= refused);
            assert_eq!(server.get("/health/live").send().status, 200);
            cluster.start_again();
        });
    });
    ledger.check(dir.path(), &settings);
}
