//! The server as a separate process, which can be stopped and killed, and whose log can be read.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::json;

use super::http::{Answer, Request};
use super::people::PASSWORD;

/// Environment variable with the arguments of an application of the tests.
const PROGRAM: &str = "TEST_PROGRAM";

/// Runs an application as a program with the arguments that [`Process::command_of_app`] gives. The test that calls
/// this is ignored otherwise.
pub fn run_program(app: cloakroom::App) {
    let Ok(arguments) = std::env::var(PROGRAM) else { return };
    let arguments = std::iter::once("notes").chain(arguments.lines()).map(Into::into);
    let is_done = app.run_with(arguments) == std::process::ExitCode::SUCCESS;
    std::process::exit(i32::from(!is_done));
}

/// Running process. It is killed when it is dropped.
pub struct Process {
    pub address: SocketAddr,
    pub url: String,
    child: Child,
    log: PathBuf,
    _out: BufReader<ChildStdout>,
}

/// Returns a free port, for a server that must restart on the same port.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

impl Process {
    /// Serves from `directory`. With SQLite, the database and the master key are there.
    pub fn start(directory: &Path, settings: &[(&str, &str)]) -> Self {
        Self::serving(directory, Self::command(directory, settings, &[]))
    }

    /// Serves an application of the tests from `directory`.
    pub fn start_app(program: &str, directory: &Path, settings: &[(&str, &str)]) -> Self {
        Self::serving(directory, Self::command_of_app(program, directory, settings, &[]))
    }

    fn serving(directory: &Path, mut command: Command) -> Self {
        let log = directory.join("log");
        let mut child = command.spawn().expect("it starts");
        let mut out = BufReader::new(child.stdout.take().expect("an output"));
        let mut first = String::new();
        // The program of an application says more before.
        while !first.contains("listening on ") {
            let before = first.len();
            out.read_line(&mut first).expect("UTF-8");
            if first.len() == before {
                panic!("{first}{}", std::fs::read_to_string(&log).unwrap_or_default());
            }
        }
        let url = first.split("listening on ").nth(1).expect("an address").trim_end().to_owned();
        let address =
            url.trim_start_matches("https://").trim_start_matches("http://").parse().expect("an address");
        Self { address, url, child, log, _out: out }
    }

    /// Returns a command for the program in `directory`, with an empty environment. It logs to the file `log`
    /// there.
    pub fn command(directory: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        command.args(arguments);
        Self::prepare(command, directory, settings)
    }

    /// Returns a command for a test server in `directory`. It takes none of the settings that other servers need.
    pub fn test_server_command(directory: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Command {
        let mut command = Self::command(directory, &[], &[&["serve", "--test"], arguments].concat());
        for setting in ["CLOAKROOM_ARGON2", "CLOAKROOM_METRICS_LISTEN", "CLOAKROOM_SHUTDOWN_GRACE"] {
            command.env_remove(setting);
        }
        command.envs(settings.iter().copied());
        command
    }

    /// Returns a command for an application of the tests: the test `program` of this binary runs it.
    pub fn command_of_app(
        program: &str,
        directory: &Path,
        settings: &[(&str, &str)],
        arguments: &[&str],
    ) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("a path"));
        command.args([program, "--exact", "--nocapture", "--ignored"]);
        let mut command = Self::prepare(command, directory, settings);
        command.env(PROGRAM, arguments.join("\n"));
        command
    }

    fn prepare(mut command: Command, directory: &Path, settings: &[(&str, &str)]) -> Command {
        let log = std::fs::File::options().create(true).append(true).open(directory.join("log"));
        command.current_dir(directory).env_clear();
        command.env("CLOAKROOM_LISTEN", "127.0.0.1:0").env("CLOAKROOM_ARGON2", "m=7168,t=5,p=1");
        command.env("CLOAKROOM_METRICS_LISTEN", "off").env("CLOAKROOM_SHUTDOWN_GRACE", "0s");
        command.envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.expect("a log"));
        command
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, format!("{}{path}", self.url))
    }

    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    /// Prepares a registration with the password of all test users.
    pub fn registration(&self, email: &str) -> Request {
        self.post("/users").json(&json!({ "email": email, "password": PASSWORD }))
    }

    /// Prepares a login with the password of all test users.
    pub fn login(&self, email: &str) -> Request {
        self.post("/sessions").json(&json!({ "email": email, "password": PASSWORD }))
    }

    /// Logs in and returns the token.
    pub fn token(&self, email: &str) -> String {
        let answer: Answer = self.login(email).send().expect(200);
        answer.json()["access_token"].as_str().expect("a token").to_owned()
    }

    /// Returns the whole log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("a log in UTF-8")
    }

    /// Sends SIGTERM, as a service manager does.
    pub fn terminate(&self) {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status();
        assert!(sent.is_ok_and(|status| status.success()));
    }

    /// Waits until the process ends.
    pub fn wait(&mut self) -> ExitStatus {
        for _ in 0..1_200 {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the process does not end: {}", self.log());
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
