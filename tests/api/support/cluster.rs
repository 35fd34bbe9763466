//! Temporary PostgreSQL cluster, made with the local `initdb`. All tests share one; a test that stops its
//! cluster gets a dedicated one.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cloakroom::store::PostgresConnection;
use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;

use super::wait::eventually;

static CLUSTERS: AtomicU32 = AtomicU32::new(0);

/// Cluster on a socket in its own directory. It ends when it is dropped, and with this process at the latest.
/// A shell waits for the end of its input, stops the cluster and removes it.
pub struct Cluster {
    dir: PathBuf,
    port: u16,
    shell: Child,
}

impl Cluster {
    /// Starts a cluster. Returns `None` when this machine has no `initdb`, or when `initdb` fails.
    pub fn start() -> Option<Self> {
        Self::create_with(|bin, dir| {
            format!("'{bin}/initdb' -D '{dir}/data' -U postgres -A trust -N -E UTF8 --locale=C.UTF-8")
        })
    }

    /// Starts a synchronous standby of this cluster. From then on, commits here wait for it.
    pub fn synchronous_standby(&self) -> Option<Self> {
        let primary = self.dir.display().to_string();
        let standby = Self::create_with(|bin, dir| {
            format!("'{bin}/pg_basebackup' -h '{primary}' -U postgres -D '{dir}/data' -R -X stream -c fast")
        })?;
        self.admin("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.admin("SELECT pg_reload_conf()");
        eventually("the standby is synchronous", || {
            self.admin("DO $$ BEGIN ASSERT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync'); END $$")
        });
        Some(standby)
    }

    /// Starts a cluster whose data directory the given command makes.
    fn create_with(command: impl FnOnce(&str, &str) -> String) -> Option<Self> {
        let bin = find_bin()?;
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("cloakroom-pg-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).ok()?;
        let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        if root {
            Command::new("chown").arg("postgres").arg(&dir).status().ok()?;
        }
        let make = command(&bin.display().to_string(), &dir.display().to_string());
        let script = script(&bin, &dir, &make);
        let mut shell = if root { Command::new("runuser") } else { Command::new("sh") };
        if root {
            shell.args(["-u", "postgres", "--", "sh"]);
        }
        shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let cluster = Self { shell: shell.spawn().ok()?, dir, port: 5432 };
        cluster.wait_until(true).then_some(cluster)
    }

    /// Returns the path of a program that comes with PostgreSQL.
    pub fn program(name: &str) -> Option<PathBuf> {
        find_bin().map(|bin| bin.join(name))
    }

    /// Returns the cluster's URL with `{}` in place of the database's name.
    pub fn url(&self) -> String {
        format!("postgres://postgres@/{{}}?host={}&port={}", self.dir.display(), self.port)
    }

    /// Stops the cluster as a crash does: without notice to clients and without clean-up.
    pub fn stop(&mut self) {
        self.order("stop");
        assert!(self.wait_until(false), "PostgreSQL does not stop");
    }

    /// Starts the cluster after [`Cluster::stop`]. Returns when it accepts connections.
    pub fn start_again(&mut self) {
        self.order("start");
        assert!(self.wait_until(true), "PostgreSQL does not start again");
    }

    /// Restarts the cluster so that it and its socket have this port.
    pub fn listen(&mut self, port: u16) {
        assert!(self.admin(&format!("ALTER SYSTEM SET port = {port}")));
        self.order("stop");
        assert!(self.wait_until(false), "PostgreSQL does not stop");
        self.port = port;
        self.order("start");
        assert!(self.wait_until(true), "PostgreSQL does not start again");
    }

    /// Promotes a standby to primary.
    pub fn promote(&mut self) {
        self.order("promote");
    }

    /// Stops every process of the cluster without ending it (SIGSTOP), as a host with hung storage does. They
    /// continue when this is dropped.
    pub fn freeze(&self) -> Frozen {
        let file = std::fs::read_to_string(self.dir.join("data/postmaster.pid")).expect("a running cluster");
        let postmaster = file.lines().next().expect("a process id").trim().to_owned();
        let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"));
        let children = children.expect("Linux lists the children");
        // The postmaster first: it starts no other process from then on.
        let processes: Vec<String> =
            std::iter::once(&*postmaster).chain(children.split_whitespace()).map(str::to_owned).collect();
        signal("STOP", &processes);
        Frozen(processes)
    }

    /// Puts files into the cluster's data directory, readable by PostgreSQL alone.
    pub fn write_files(&self, files: &[(&str, &str)]) {
        let postgres = std::fs::metadata(self.dir.join("data")).expect("a data directory").uid();
        for (name, content) in files {
            let path = self.dir.join("data").join(name);
            std::fs::write(&path, content).expect("it is written");
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its mode is set");
            chown(&path, Some(postgres), None).expect("its owner is set");
        }
    }

    /// Returns true if the statement succeeds.
    pub fn admin(&self, sql: &str) -> bool {
        let conn = PostgresConnection::establish(&self.url().replace("{}", "postgres"));
        conn.is_ok_and(|mut conn| conn.batch_execute(sql).is_ok())
    }

    /// Returns the directory of the cluster's socket.
    pub fn socket_directory(&self) -> &Path {
        &self.dir
    }

    fn order(&mut self, order: &str) {
        let input = self.shell.stdin.as_mut().expect("an input");
        writeln!(input, "{order}").expect("the shell listens");
    }

    fn wait_until(&self, answers: bool) -> bool {
        let url = self.url().replace("{}", "postgres");
        (0..300).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            PostgresConnection::establish(&url).is_ok() == answers
        })
    }
}

/// Processes of a cluster that are stopped.
pub struct Frozen(Vec<String>);

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("CONT", &self.0);
    }
}

fn signal(name: &str, processes: &[String]) {
    // A child may have ended meanwhile.
    let _ = Command::new("kill").arg(format!("-{name}")).args(processes).stderr(Stdio::null()).status();
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Returns the shell script that makes the cluster and then runs commands until its input ends. It ignores
/// signals that stop the tests, so that it can still clean up.
fn script(bin: &Path, dir: &Path, make: &str) -> String {
    format!(
        "trap '' INT TERM; cd / && {make} || exit 1
         printf '%s\\n' \"unix_socket_directories = '{dir}'\" \"listen_addresses = ''\" 'fsync = off' \
            'full_page_writes = off' 'max_connections = 400' 'autovacuum = off' >>'{dir}/data/postgresql.conf'
         run() {{ '{bin}/pg_ctl' -D '{dir}/data' -l '{dir}/log' -m immediate \"$1\" </dev/null; }}
         run start
         while read -r order; do run \"$order\"; done
         run stop; rm -rf '{dir}'",
        bin = bin.display(),
        dir = dir.display(),
    )
}

fn find_bin() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    debian.sort();
    let on_path =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or(vec![]);
    let has_initdb = |dir: &&PathBuf| Path::new(dir).join("initdb").exists();
    debian.iter().rev().chain(&on_path).find(has_initdb).cloned()
}
