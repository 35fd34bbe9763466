//! Repeated `SIGKILL`.

use tempfile::TempDir;

use super::{Ledger, eventually, for_a_while, on_database};
use crate::support::{Engine, Postgres, Process, free_port, on_both_engines};

on_both_engines! {
    fn acknowledged_changes_survive_sigkill(engine: Engine) {
        let dir = TempDir::new().unwrap();
        let database = match engine {
            Engine::Sqlite => format!("sqlite://{}", dir.path().join("cloakroom.db").display()),
            Engine::Postgres => Postgres::new_database(),
        };
        let listen = format!("127.0.0.1:{}", free_port());
        let settings = [on_database(&database), vec![("CLOAKROOM_LISTEN", listen.as_str())]].concat();
        let mut server = Process::start(dir.path(), &settings);
        let ledger = Ledger::of(&format!("http://{listen}"), |ledger| for_a_while(|| {
            let enough = ledger.done() + 10;
            eventually("enough is acknowledged", || ledger.done() >= enough);
            server.kill();
            server = Process::start(dir.path(), &settings);
        }));
        assert!(ledger.not_done() > 0, "some kill must interrupt a change");
        ledger.check(dir.path(), &settings);
    }
}
