//! Repeated `SIGKILL` of replicas that run jobs: each committed change is delivered at least once and in order,
//! none that was rolled back, and one replica at a time runs a job.

use std::collections::{BTreeMap, BTreeSet};

use tempfile::TempDir;

use super::{Ledger, eventually, for_a_while, on_database};
use crate::support::{Engine, Postgres, Process, free_port, on_both_engines};

/// Test that runs the application as a program.
const PROGRAM: &str = "jobs::program::watch";

/// Deliveries, as the application wrote them.
#[derive(Default)]
struct Deliveries {
    /// Number of deliveries of each change, by kind of record, record and change.
    changes: BTreeMap<(String, String), BTreeMap<i64, usize>>,
    /// Records whose changes came in another order than they were made.
    disordered: BTreeSet<String>,
    /// Number of runs that began while another one was under way.
    overlapping: usize,
    /// Number of runs that ended.
    runs: usize,
}

impl Deliveries {
    fn read(text: &str) -> Self {
        let mut all = Self::default();
        // The run that is under way, and its process.
        let mut under_way: Option<(String, String)> = None;
        for line in text.lines() {
            let [kind, of, what] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            match kind {
                "begin" => {
                    under_way = Some((of.to_owned(), what.to_owned()));
                }
                "end" => {
                    let is_the_last = under_way.take().is_some_and(|(run, _)| run == of);
                    all.overlapping += usize::from(!is_the_last);
                    all.runs += 1;
                }
                _ => {
                    let change = what.parse().unwrap();
                    let known = all.changes.entry((kind.to_owned(), of.to_owned())).or_default();
                    let is_behind = known.last_key_value().is_some_and(|(last, _)| *last > change);
                    if is_behind {
                        all.disordered.insert(of.to_owned());
                    }
                    *known.entry(change).or_default() += 1;
                }
            }
        }
        all
    }

    /// Returns the number of changes of a record that were delivered.
    fn of(&self, kind: &str, record: &str) -> usize {
        self.changes.get(&(kind.to_owned(), record.to_owned())).map_or(0, BTreeMap::len)
    }

    /// Returns the records of this kind with a delivered change.
    fn records(&self, kind: &str) -> BTreeSet<String> {
        self.changes.keys().filter(|(of, _)| of == kind).map(|(_, record)| record.clone()).collect()
    }

    fn duplicates(&self) -> usize {
        self.changes.values().flat_map(BTreeMap::values).map(|times| times - 1).sum()
    }
}

on_both_engines! {
    fn committed_changes_are_delivered_despite_sigkill(engine: Engine) {
        let dir = TempDir::new().unwrap();
        let database = match engine {
            Engine::Sqlite => format!("sqlite://{}", dir.path().join("cloakroom.db").display()),
            Engine::Postgres => Postgres::new_database(),
        };
        let file = dir.path().join("deliveries").display().to_string();
        let listen = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let url = format!("http://{}", listen[0]);
        let settings = [on_database(&database), vec![("TEST_DELIVERIES", file.as_str()), ("CLOAKROOM_ISSUER", &url)]].concat();
        let start = |replica: usize| {
            let own = [("CLOAKROOM_LISTEN", listen[replica].as_str())];
            Process::start_app(PROGRAM, dir.path(), &[&settings[..], &own].concat())
        };
        let mut replicas = [start(0), start(1)];
        let mut next = 0;
        let ledger = Ledger::of(&url, |ledger| for_a_while(|| {
            let enough = ledger.done() + 20;
            eventually("enough is acknowledged", || ledger.done() >= enough);
            replicas[next].kill();
            replicas[next] = start(next);
            next = 1 - next;
        }));
        // The lease of a killed run ends by itself.
        let left = || {
            let listed = Process::command_of_app(PROGRAM, dir.path(), &settings, &["jobs", "list", "--json"]).output().unwrap();
            let text = String::from_utf8(listed.stdout).unwrap();
            let jobs: serde_json::Value = serde_json::from_str(text.find('[').map_or("", |at| &text[at..])).unwrap();
            jobs.as_array().unwrap().iter().filter_map(|job| job["waiting"].as_i64()).sum::<i64>()
        };
        eventually("all changes are delivered", || left() == 0);
        let delivered = || Deliveries::read(&std::fs::read_to_string(&file).unwrap_or_default());
        eventually("the job has run several times", || delivered().runs > 2);
        ledger.check(dir.path(), &settings[..4]);
        let deliveries = delivered();
        let greeted = deliveries.records("user");
        let changes = |user: &str| deliveries.of("profile", user);
        let users = ledger.check_deliveries(dir.path(), &settings[..4], &greeted, changes);
        println!(
            "{users} users delivered, {} duplicates, {} runs of the job",
            deliveries.duplicates(),
            deliveries.runs
        );
        assert!(deliveries.disordered.is_empty(), "{:?}", deliveries.disordered);
        assert_eq!(deliveries.overlapping, 0, "a run began before the last one ended");
        assert!(users > 10);
    }
}
