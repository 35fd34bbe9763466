//! The reference of `deploy/ha`, started on this machine. Each host of it is one of [`Network`]: etcd, Patroni and
//! PostgreSQL on three, and haproxy on a fourth. The network of the addresses, the paths and the name of the database
//! are replaced in the files, and the watchdog, because a host that shares its kernel has none.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use cloakroom::store::PostgresConnection;
use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use tempfile::TempDir;

use super::external_program::{find, skipped};
use super::host::{Host, Network};
use super::reference_files::{directory, moved, open_to_all, write_certificates, write_member_files};
use super::wait::{PATIENCE, eventually};

const NAMES: [&str; 3] = ["one", "two", "three"];

/// First version of Patroni in which a leader that hung does not take the leadership back from its successor.
const PATRONI: [u32; 3] = [3, 0, 3];

/// The running reference. Its processes end when it is dropped.
pub struct Reference {
    members: Vec<(&'static str, Host)>,
    _proxy: Host,
    network: Network,
    dir: TempDir,
    /// etcd needs a fast disk of its own: the memory.
    _etcd: TempDir,
}

impl Reference {
    /// Starts it. Prints a message and returns none where a program is not installed or too old, or without the rights
    /// to make a network.
    pub fn start() -> Option<Self> {
        let missing =
            ["etcd", "patroni", "patronictl", "haproxy"].into_iter().find(|name| find(name).is_none());
        if let Some(missing) = missing {
            skipped(&format!("{missing} is not installed"));
            return None;
        }
        let version = version_of_patroni();
        if version < PATRONI {
            skipped(&format!("Patroni {version:?} is older than {PATRONI:?}, see docs/high-availability.md"));
            return None;
        }
        let network = Network::start()?;
        let dir = directory(&std::env::temp_dir());
        let etcd = directory(Some(Path::new("/dev/shm")).filter(|dir| dir.exists()).unwrap_or(dir.path()));
        write_certificates(dir.path(), &network.prefix);
        let members = NAMES.into_iter().enumerate().map(|(number, name)| {
            let host = network.host(11 + u8::try_from(number).expect("three"));
            let own = dir.path().join(format!("{name}.run"));
            std::fs::create_dir(&own).expect("a directory");
            open_to_all(&own);
            write_member_files(dir.path(), etcd.path(), name, &host.address);
            (name, host)
        });
        let members = members.collect();
        for replica in [21, 22, 23] {
            network.add_address(replica);
        }
        let mut proxy = network.host(31);
        let file = dir.path().join("haproxy.cfg");
        // A machine can limit the number of files, also for root.
        let content = moved(include_str!("../../../deploy/ha/haproxy.cfg"), &proxy.address);
        std::fs::write(&file, content.replace("maxconn 20000", "maxconn 400")).expect("it is written");
        proxy.start("haproxy", &format!("-f {}", file.display()), &dir.path().join("haproxy.log"));
        let mut reference = Self { members, _proxy: proxy, network, dir, _etcd: etcd };
        NAMES.iter().for_each(|name| reference.start_member(name));
        reference.wait_until_whole();
        reference.create_database();
        Some(reference)
    }

    fn member(&mut self, name: &str) -> &mut Host {
        &mut self.members.iter_mut().find(|member| member.0 == name).expect("a member").1
    }

    /// Starts etcd and Patroni on a host.
    pub fn start_member(&mut self, name: &str) {
        let dir = self.dir.path().to_owned();
        let path = |file: &str| dir.join(format!("{name}.{file}"));
        let host = self.member(name);
        host.start("etcd", &format!("--config-file {}", path("etcd.yaml").display()), &path("etcd.log"));
        host.start("patroni", &path("yaml").display().to_string(), &path("log"));
    }

    /// Returns what `patroni --validate-config` says against the file of a member, except that the member runs.
    pub fn faults_of_member(&self) -> Vec<String> {
        let file = self.dir.path().join("one.yaml");
        let told = Command::new("patroni").arg("--validate-config").arg(file).output().expect("it runs");
        let told = [told.stdout, told.stderr].concat();
        let faults = String::from_utf8_lossy(&told);
        let faults =
            faults.lines().filter(|line| line.contains("didn't pass") || line.contains("not defined"));
        faults.filter(|line| !line.contains("already in use")).map(str::to_owned).collect()
    }

    /// Returns the URL of the server in front of the replicas.
    pub fn url(&self) -> String {
        format!("http://{}31:8000", self.network.prefix)
    }

    /// Returns where a replica must listen.
    pub fn replicas(&self) -> [String; 3] {
        [21, 22, 23].map(|number| format!("{}{number}:8080", self.network.prefix))
    }

    /// Returns the address of haproxy.
    pub fn proxy(&self) -> String {
        format!("{}31", self.network.prefix)
    }

    /// Returns the address of this machine in the network.
    pub fn own_address(&self) -> String {
        format!("{}1", self.network.prefix)
    }

    /// Returns the URL of the database through haproxy.
    pub fn database_url(&self) -> String {
        self.database_at("cloakroom:secret", &format!("{}31:5000", self.network.prefix), "cloakroom")
    }

    /// Returns the URL of the database with all members, without haproxy.
    pub fn database_of_members(&self) -> String {
        let members = self.members.iter().map(|(_, host)| format!("{}:5432", host.address));
        self.database_at("cloakroom:secret", &members.collect::<Vec<_>>().join(","), "cloakroom")
    }

    fn database_at(&self, user: &str, hosts: &str, name: &str) -> String {
        let authority = self.dir.path().join("ca.crt");
        format!("postgres://{user}@{hosts}/{name}?sslmode=verify-full&sslrootcert={}", authority.display())
    }

    /// Returns true if the leader behind haproxy runs this statement.
    fn admin(&self, statement: &str) -> bool {
        let proxy = format!("{}31:5000", self.network.prefix);
        let url = self.database_at("postgres:change-me-superuser", &proxy, "postgres");
        PostgresConnection::establish(&url).is_ok_and(|mut conn| conn.batch_execute(statement).is_ok())
    }

    fn create_database(&self) {
        for statement in
            ["CREATE ROLE cloakroom LOGIN PASSWORD 'secret'", "CREATE DATABASE cloakroom OWNER cloakroom"]
        {
            eventually(statement, || self.admin(statement));
        }
    }

    /// Returns the members for which Patroni answers 200 at this path.
    fn with_role<'a>(&'a self, role: &'a str) -> impl Iterator<Item = &'static str> + 'a {
        let has_role = move |host: &Host| {
            let url = format!("http://{}:8008{role}", host.address);
            let curl = Command::new("curl")
                .args(["-s", "-o", "/dev/null", "-m", "1", "-w", "%{http_code}", &url])
                .output();
            curl.is_ok_and(|answer| answer.stdout == b"200")
        };
        self.members.iter().filter(move |member| has_role(&member.1)).map(|member| member.0)
    }

    /// Returns the name of the leader.
    pub fn leader(&self) -> &'static str {
        self.with_role("/primary").next().expect("a leader")
    }

    /// Waits until another member than this one is the leader.
    pub fn wait_for_another(&self, leader: &str) {
        eventually("another member is the leader", || self.with_role("/primary").any(|now| now != leader));
    }

    /// Waits until each standby follows one leader, and commits wait for one of them. Patroni counts a member as a standby
    /// before it follows.
    #[track_caller]
    pub fn wait_until_whole(&self) {
        let follow = "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' \
                      AND application_name IN ('one', 'two', 'three')) = 2; END $$";
        let is_whole = || {
            let roles = [("/primary", 1), ("/replica", 2), ("/synchronous", 1)];
            roles.iter().all(|(role, count)| self.with_role(role).count() == *count) && self.admin(follow)
        };
        let began = Instant::now();
        // A rewind of the old leader takes most of a minute on a busy machine.
        while !is_whole() {
            assert!(began.elapsed() < 3 * PATIENCE, "no two standbys follow a leader");
            std::thread::sleep(Duration::from_millis(200));
        }
        println!("two standbys follow after {:.1} s", began.elapsed().as_secs_f32());
    }

    /// Kills all processes of a host, as a power cut does.
    pub fn kill(&mut self, name: &str) {
        self.member(name).signal_all("KILL");
    }

    /// Stops all processes of a host without ending them, as hung storage does.
    pub fn freeze(&mut self, name: &str) {
        self.member(name).signal_all("STOP");
    }

    /// Lets a frozen host go on.
    pub fn thaw(&mut self, name: &str) {
        self.member(name).signal_all("CONT");
    }

    /// Drops all packets from and to a host.
    pub fn cut_off(&mut self, name: &str) {
        self.member(name).cut_off();
    }

    /// Connects a host again.
    pub fn connect(&mut self, name: &str) {
        self.member(name).connect();
    }

    /// Waits until a host that was cut off no longer leads, by its own account.
    pub fn wait_until_it_gave_up(&mut self, name: &str) {
        let host = self.member(name);
        let order =
            format!("curl -s -o /dev/null -m 5 -w '%{{http_code}}' http://{}:8008/primary", host.address);
        eventually("the old leader gave up", || host.run(&order) == "503");
    }

    /// Drops the packets from a host to this machine, while `work` runs. The host reaches all others.
    pub fn without_packets_from(&mut self, name: &str, work: impl FnOnce()) {
        let own = self.own_address();
        self.member(name).drop_packets_to(&own);
        work();
        self.member(name).send_packets_to(&own);
    }

    /// Makes a standby the leader.
    pub fn switch_over(&self) {
        let file = self.dir.path().join("one.yaml");
        let output = Command::new("patronictl").arg("-c").arg(file).args(["switchover", "--force"]).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{output:?}");
    }

    /// Stops etcd on all hosts for a while.
    pub fn pause_etcd(&mut self, pause: Duration) {
        self.members.iter_mut().for_each(|member| drop(member.1.run("kill -STOP $etcd")));
        std::thread::sleep(pause);
        self.members.iter_mut().for_each(|member| drop(member.1.run("kill -CONT $etcd")));
    }
}

impl Drop for Reference {
    /// Prints the ends of the logs after a failure.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for name in NAMES {
            let log =
                std::fs::read_to_string(self.dir.path().join(format!("{name}.log"))).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            println!("{name}:\n{}", lines[lines.len().saturating_sub(30)..].join("\n"));
        }
    }
}

/// Returns the version of Patroni.
fn version_of_patroni() -> [u32; 3] {
    let output = Command::new("patroni").arg("--version").output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut parts =
        text.trim().trim_start_matches("patroni ").split('.').map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}
