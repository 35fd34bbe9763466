//! External program in front of or behind the server, such as a connection pooler or a load balancer. Where
//! it is not installed, its tests are skipped with a message; with `CI` set they fail.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::process::free_port;
use super::wait::eventually;

/// Running program that listens on its own port. It is stopped when it is dropped.
pub struct ExternalProgram {
    /// Port on which the program listens.
    pub port: u16,
    name: &'static str,
    directory: TempDir,
    child: Child,
}

impl ExternalProgram {
    /// Starts `name` with the configuration file that `configuration` returns for a port and a directory.
    pub fn start(name: &'static str, configuration: impl FnOnce(u16, &Path) -> String) -> Option<Self> {
        if find(name).is_none() {
            assert!(std::env::var_os("CI").is_none(), "in CI the tests with {name} must run");
            skipped(&format!("{name} is not installed"));
            return None;
        }
        let (directory, port) = (TempDir::new().expect("a directory"), free_port());
        let file = directory.path().join("configuration");
        std::fs::write(&file, configuration(port, directory.path())).expect("it is written");
        let _ = Command::new("chmod").args(["-R", "a+rwX"]).arg(directory.path()).status();
        let child = spawn(name, directory.path());
        let program = Self { port, name, directory, child };
        program.wait();
        Some(program)
    }

    /// Kills the program (`SIGKILL`) and starts it again.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.child = spawn(self.name, self.directory.path());
        self.wait();
    }

    fn wait(&self) {
        eventually(self.name, || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    fn kill(&mut self) {
        // The process can belong to another user and be a grandchild.
        let pattern = self.directory.path().join("configuration");
        let _ = Command::new("pkill").args(["-9", "-f"]).arg(pattern).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for ExternalProgram {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs the program as a user other than root: some programs refuse to run as root.
fn spawn(name: &str, directory: &Path) -> Child {
    let program = find(name).expect("it is here");
    let file = directory.join("configuration");
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let mut command = if root { Command::new("runuser") } else { Command::new(&program) };
    if root {
        command.args(["-u", "postgres", "--"]).arg(&program);
    }
    if name == "haproxy" {
        command.arg("-f");
    }
    let log = std::fs::File::create(directory.join("log")).expect("a log");
    let also = log.try_clone().expect("a log");
    command.arg(file).stdin(Stdio::null()).stdout(log).stderr(also).spawn().expect("it starts")
}

/// Prints why a test is skipped, also where the output is captured: it must not look like a passed one.
pub fn skipped(why: &str) {
    let _ = std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes());
}

/// Returns the path of a program, if it is installed.
pub(super) fn find(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    directories.map(|directory| directory.join(name)).find(|program| program.exists())
}
