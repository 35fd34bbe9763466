//! The recipes of `docs/qa.md`: test runners of other languages, each with test servers of its own. They run as they are
//! printed, with `cloakroom` in the path.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{are_installed, finish, python, scripts};

fn runners() -> PathBuf {
    scripts().join("runners")
}

/// Returns a command that finds `cloakroom` in the path.
fn command(program: impl AsRef<Path>, directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program.as_ref());
    let own = Path::new(env!("CARGO_BIN_EXE_cloakroom")).parent().expect("a directory");
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(own.to_owned()).chain(std::env::split_paths(&paths));
    let path: OsString = std::env::join_paths(paths).expect("a path");
    command.args(arguments).current_dir(directory).env("PATH", path);
    command
}

/// Returns the program of an installed Node package.
fn node_program(name: &str) -> PathBuf {
    runners().join("node_modules/.bin").join(name)
}

/// Returns the path of a program of the machine.
fn installed(name: &str) -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).map(|path| path.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| PathBuf::from("/usr/bin").join(name))
}

/// Copies the files of a recipe into a new directory.
fn copied(recipe: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for entry in std::fs::read_dir(runners().join(recipe)).expect("a recipe") {
        let file = entry.expect("an entry").path();
        let name = file.file_name().expect("a name");
        if file.is_file() {
            std::fs::copy(&file, directory.path().join(name)).expect("a copy");
        }
    }
    directory
}

#[test]
fn jest() {
    let program = node_program("jest");
    if are_installed(&[&program]) {
        finish(&mut command(program, &runners(), &["--rootDir", "jest", "--ci"]), "jest");
    }
}

#[test]
fn vitest() {
    let program = node_program("vitest");
    if are_installed(&[&program]) {
        finish(&mut command(program, &runners(), &["run", "vitest/"]), "vitest");
    }
}

#[test]
fn playwright() {
    let program = node_program("playwright");
    let chromium = std::env::var_os("CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from);
    if are_installed(&[&program, &chromium]) {
        let output = tempfile::tempdir().expect("a directory");
        let output = output.path().to_str().expect("UTF-8");
        finish(&mut command(program, &runners(), &["test", "--output", output]), "playwright");
    }
}

#[test]
fn node_test() {
    finish(&mut command(installed("node"), &runners(), &["--test", "node/"]), "node:test");
}

#[test]
fn pytest_with_xdist() {
    let program = python();
    let site = program.with_file_name("../lib");
    let xdist = std::fs::read_dir(site).into_iter().flatten().flatten().map(|python| python.path());
    let xdist = xdist.map(|python| python.join("site-packages/xdist")).next();
    if are_installed(&[&program, &xdist.unwrap_or_else(|| "xdist".into())]) {
        let directory = copied("pytest");
        finish(&mut command(program, directory.path(), &["-m", "pytest", "-n", "2"]), "pytest");
    }
}

#[test]
fn curl() {
    if are_installed(&[&installed("curl"), &installed("jq")]) {
        let directory = copied("curl");
        finish(&mut command("sh", directory.path(), &["alice.sh"]), "curl");
    }
}

/// Go and JUnit are tested where they are installed, also under `CI`: no other test needs them.
#[test]
fn go() {
    if !installed("go").exists() {
        eprintln!("SKIPPED: missing go");
        return;
    }
    let directory = copied("go");
    std::fs::write(directory.path().join("go.mod"), "module alice\n\ngo 1.19\n").expect("a module");
    let mut go = command(installed("go"), directory.path(), &["test", "-count=1", "./..."]);
    finish(go.env("GOFLAGS", "-mod=mod").env("GOCACHE", directory.path().join("cache")), "go");
}

#[test]
fn junit() {
    let jars: Vec<String> = [
        "jupiter-api",
        "jupiter-engine",
        "platform-commons",
        "platform-engine",
        "platform-launcher",
        "platform-console",
        "platform-reporting",
    ]
    .iter()
    .map(|name| format!("/usr/share/java/junit-{name}.jar"))
    .chain(
        [
            "opentest4j",
            "apiguardian-api",
            "picocli",
            "open-test-reporting-events",
            "open-test-reporting-schema",
        ]
        .map(|name| format!("/usr/share/java/{name}.jar")),
    )
    .filter(|jar| Path::new(jar).exists())
    .collect();
    if !installed("javac").exists() || jars.len() < 8 {
        eprintln!("SKIPPED: missing javac or JUnit 5 (Debian: junit5)");
        return;
    }
    let directory = copied("junit");
    let jars = format!("{}:.", jars.join(":"));
    finish(&mut command(installed("javac"), directory.path(), &["-cp", &jars, "AliceTest.java"]), "javac");
    let launcher = "org.junit.platform.console.ConsoleLauncher";
    finish(
        &mut command(
            installed("java"),
            directory.path(),
            &["-cp", &jars, launcher, "--select-class", "AliceTest"],
        ),
        "junit",
    );
}
