//! Command line as the operator uses it: a separate process in its own directory.

mod accounts;
mod backup;
mod new;
mod pull_request;
mod serving;
mod settings;
mod start;
mod token;
mod transfer;
mod usage;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::Request;

const PASSWORD: &str = "a most unusual passphrase";

/// New machine: an empty working directory, and no settings except a cheap password hash.
struct Machine(TempDir);

/// Result of a command.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    /// Returns a machine with a database.
    fn with_database() -> Self {
        let machine = Self::new();
        machine.done(&["migrate"]);
        machine
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("CLOAKROOM_ARGON2", "m=7168,t=5,p=1").env("RUST_LOG", "warn");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with_input(arguments, "")
    }

    fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        finish(self.command(arguments).spawn().expect("it starts"), input)
    }

    /// Runs a command that must succeed.
    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert!(ran.code == Some(0) && ran.err.is_empty(), "{arguments:?}: {ran:?}");
        ran.out
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["--json"]].concat())).expect("JSON")
    }

    /// Runs a command that must fail. Returns its one-line message, which contains all of `words`.
    #[track_caller]
    fn refused(&self, arguments: &[&str], words: &[&str]) {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.lines().count()), (Some(1), "", 1), "{ran:?}");
        assert!(words.iter().all(|words| ran.err.contains(words)), "{ran:?}");
    }

    #[track_caller]
    fn misused(&self, arguments: &[&str], words: &str) {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.path()).expect("a directory").count()
    }
}

fn finish(mut child: Child, input: &str) -> Ran {
    // A command that does not read its input can have ended already.
    let _ = child.stdin.take().expect("an input").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}
