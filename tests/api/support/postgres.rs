//! PostgreSQL for the tests: the server of `TEST_POSTGRES_URL`, or a temporary cluster made with the local
//! `initdb`. Without either, the tests that need one are skipped with a message; with `CI` set they fail.

use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use cloakroom::store::PostgresConnection;
use diesel::{Connection as _, connection::SimpleConnection as _};
use secrecy::SecretString;

use super::cluster::Cluster;

static POSTGRES: OnceLock<Option<Postgres>> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// PostgreSQL server in which each test has its own database.
pub struct Postgres {
    /// URL with `{}` in place of the database's name.
    url: String,
    /// Cluster that ends with this process.
    _cluster: Option<Cluster>,
}

impl Postgres {
    /// Returns true if there is a PostgreSQL. Prints a message that the test is skipped if there is none.
    pub fn is_available() -> bool {
        Self::or_skip(Self::get().is_some())
    }

    /// Starts a cluster that the test can stop. Prints a message and returns `None` if this machine cannot
    /// make one.
    pub fn dedicated_cluster() -> Option<Cluster> {
        let cluster = Cluster::start();
        Self::or_skip(cluster.is_some());
        cluster
    }

    fn or_skip(here: bool) -> bool {
        assert!(here || std::env::var_os("CI").is_none(), "in CI the tests on PostgreSQL must run");
        if !here {
            // Bypasses the test harness's output capture, so that a skipped test does not look like a passed
            // one.
            let _ = std::io::stderr().write_all(b"SKIPPED on PostgreSQL: none is here\n");
        }
        here
    }

    fn get() -> Option<&'static Postgres> {
        POSTGRES
            .get_or_init(|| {
                let postgres = match std::env::var("TEST_POSTGRES_URL") {
                    Ok(url) => Postgres { url, _cluster: None },
                    Err(_) => Cluster::start()
                        .map(|cluster| Postgres { url: cluster.url(), _cluster: Some(cluster) })?,
                };
                postgres.make_template();
                Some(postgres)
            })
            .as_ref()
    }

    /// Returns the URL of a new, migrated database.
    pub fn new_database() -> String {
        let postgres = Self::get().expect("called only where PostgreSQL is available");
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("cloakroom_test_{}_{number}", std::process::id());
        postgres.admin(&format!("CREATE DATABASE {name} TEMPLATE {}", template()));
        postgres.url.replace("{}", &name)
    }

    /// Returns the URL of a new database without tables.
    pub fn new_empty_database() -> String {
        let postgres = Self::get().expect("called only where PostgreSQL is available");
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("cloakroom_empty_{}_{number}", std::process::id());
        postgres.admin(&format!("CREATE DATABASE {name}"));
        postgres.url.replace("{}", &name)
    }

    /// Makes the template database. To copy a migrated database takes a tenth of the time of a migration.
    fn make_template(&self) {
        self.admin(&format!("DROP DATABASE IF EXISTS {}", template()));
        self.admin(&format!("CREATE DATABASE {}", template()));
        let url = self.url.replace("{}", &template());
        let engine = cloakroom::store::Engine::Postgres(SecretString::from(url));
        cloakroom::App::default().migrate(&engine).expect("the migrations run");
    }

    fn admin(&self, sql: &str) {
        let mut conn =
            PostgresConnection::establish(&self.url.replace("{}", "postgres")).expect("PostgreSQL answers");
        conn.batch_execute(sql).expect(sql);
    }
}

fn template() -> String {
    format!("cloakroom_template_{}", std::process::id())
}
