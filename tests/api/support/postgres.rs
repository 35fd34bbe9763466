//! A PostgreSQL for the tests: the one of `TEST_POSTGRES_URL`, or a throw-away cluster made with
//! the `initdb` of this machine. Without either the tests that need one are skipped aloud; with
//! `CI` set, they fail.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use diesel::{Connection as _, PgConnection, connection::SimpleConnection as _};
use secrecy::SecretString;

static POSTGRES: OnceLock<Option<Postgres>> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A cluster in which each test has a database of its own.
pub struct Postgres {
    /// A URL with `{}` in place of the database.
    url: String,
}

impl Postgres {
    /// Whether there is one; says aloud that a test is skipped when there is none.
    pub fn is_here() -> bool {
        let here = Self::get().is_some();
        assert!(here || std::env::var_os("CI").is_none(), "in CI the tests on PostgreSQL must run");
        if !here {
            // Past the test harness's capture, so that nobody takes a skipped test for a passed one.
            let _ = std::io::stderr().write_all(b"SKIPPED on PostgreSQL: none is here\n");
        }
        here
    }

    fn get() -> Option<&'static Postgres> {
        POSTGRES
            .get_or_init(|| {
                let url = match std::env::var("TEST_POSTGRES_URL") {
                    Ok(url) => url,
                    Err(_) => start_cluster()?,
                };
                let postgres = Postgres { url };
                postgres.make_template();
                Some(postgres)
            })
            .as_ref()
    }

    /// The URL of a new, migrated database.
    pub fn new_database() -> String {
        let postgres = Self::get().expect("asked for only where there is one");
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("cloakroom_test_{}_{number}", std::process::id());
        postgres.admin(&format!("CREATE DATABASE {name} TEMPLATE {}", template()));
        postgres.url.replace("{}", &name)
    }

    /// The URL of a new database without any table.
    pub fn new_empty_database() -> String {
        let postgres = Self::get().expect("asked for only where there is one");
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("cloakroom_empty_{}_{number}", std::process::id());
        postgres.admin(&format!("CREATE DATABASE {name}"));
        postgres.url.replace("{}", &name)
    }

    /// A copy of a migrated database is made in a tenth of the time that migrating takes.
    fn make_template(&self) {
        self.admin(&format!("DROP DATABASE IF EXISTS {}", template()));
        self.admin(&format!("CREATE DATABASE {}", template()));
        let url = self.url.replace("{}", &template());
        let engine = cloakroom::store::Engine::Postgres(SecretString::from(url));
        cloakroom::store::migrate(&engine).expect("the migrations run");
    }

    fn admin(&self, sql: &str) {
        let mut conn = PgConnection::establish(&self.url.replace("{}", "postgres")).expect("PostgreSQL answers");
        conn.batch_execute(sql).expect(sql);
    }
}

fn template() -> String {
    format!("cloakroom_template_{}", std::process::id())
}

/// Makes a cluster and starts it on a socket in its own directory. It ends with this process: a
/// shell waits for the end of its input, which is this process's end, and stops it.
fn start_cluster() -> Option<String> {
    let bin = find_bin()?;
    let dir = std::env::temp_dir().join(format!("cloakroom-pg-{}", std::process::id()));
    std::fs::create_dir_all(&dir).ok()?;
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    if root {
        Command::new("chown").arg("postgres").arg(&dir).status().ok()?;
    }
    let script = format!(
        "cd / && '{bin}/initdb' -D '{dir}/data' -U postgres -A trust -N -E UTF8 --locale=C.UTF-8 >/dev/null || exit 1
         '{bin}/postgres' -D '{dir}/data' -k '{dir}' -c listen_addresses= -c fsync=off -c full_page_writes=off \
            -c synchronous_commit=off -c max_connections=400 -c autovacuum=off >'{dir}/log' 2>&1 &
         cat >/dev/null; '{bin}/pg_ctl' -D '{dir}/data' -m immediate stop >/dev/null 2>&1; rm -rf '{dir}'",
        bin = bin.display(),
        dir = dir.display(),
    );
    let mut shell = if root {
        let mut runuser = Command::new("runuser");
        runuser.args(["-u", "postgres", "--", "sh", "-c", &script]);
        runuser
    } else {
        let mut sh = Command::new("sh");
        sh.args(["-c", &script]);
        sh
    };
    let child = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
    // Its input stays open for as long as this process lives.
    std::mem::forget(child);
    let url = format!("postgres://postgres@/{{}}?host={}", dir.display());
    wait_for(&url).then_some(url)
}

fn wait_for(url: &str) -> bool {
    (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        PgConnection::establish(&url.replace("{}", "postgres")).is_ok()
    })
}

fn find_bin() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    debian.sort();
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or(vec![]);
    let has_initdb = |dir: &&PathBuf| Path::new(dir).join("initdb").exists();
    debian.iter().rev().chain(&on_path).find(has_initdb).cloned()
}
