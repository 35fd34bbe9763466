//! `cloakroom new resource`: writes the files of a resource.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use clap::builder::PathBufValueParser;
use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::super::arguments::{group, json_flag, required};
use super::super::output::{Failure, print, print_json};
use super::files::{File, of_application, of_resource, to_add, version};
use super::names::Names;
use crate::app::App;
use crate::domain::Clock;

/// Command that writes the authorization matrix for the generated test.
const PAGE: &str = "UPDATE_GOLDEN=1 cargo test";

pub(crate) fn command() -> Command {
    let directory = PathBufValueParser::new();
    let resource = Command::new("resource")
        .about("Write a resource: record, policy, routes, migrations and test; without an application, it writes that too")
        .after_help(
            "Examples:\n  cloakroom new resource note --dir notes\n  \
             cloakroom new resource entry --plural entries --cloakroom-path ../cloakroom",
        )
        .args([
            Arg::new("name").value_name("NAME").required(true).help("The name of one record, such as note"),
            Arg::new("plural").long("plural").value_name("NAME").help("The plural of the name [default: NAME + s]"),
            Arg::new("dir").long("dir").value_name("DIR").default_value(".").value_parser(directory)
                .help("The directory of the application"),
            Arg::new("cloakroom-path").long("cloakroom-path").value_name("DIR")
                .help("A checkout of cloakroom, relative to DIR, for the new Cargo.toml [default: the version]"),
            json_flag(),
        ]);
    group("new", "Write a new application, or a new resource of one", [resource])
        .after_help("Example:\n  cloakroom new resource note --dir notes")
}

pub(crate) fn run(app: &App, clock: &Clock, matches: &ArgMatches) -> Result<(), Failure> {
    let Some((_, given)) = matches.subcommand() else { return Ok(()) };
    let (name, dir): (String, PathBuf) = (required(given, "name")?, required(given, "dir")?);
    let text = |argument| given.get_one::<String>(argument).map(String::as_str);
    let names = Names::new(app, &name, text("plural")).map_err(Failure::new)?;
    let cloakroom = match text("cloakroom-path") {
        // A JSON string is a valid TOML string.
        Some(path) => format!("path = {}", json!(path)),
        None => concat!("version = \"", env!("CARGO_PKG_VERSION"), "\"").to_owned(),
    };

    let known = known(&dir);
    let mut files = of_resource(&names, free_version(&dir, clock.now()));
    let add = match &known {
        Some(known) => to_add(&names, known, &cloakroom),
        None => {
            files.extend(of_application(&names, &cloakroom));
            Vec::new()
        }
    };
    write_all(&dir, &files)?;
    report(&dir, &files, &add, given.get_flag("json"))
}

/// Returns the code of the existing application to which something may have to be added.
fn known(dir: &Path) -> Option<String> {
    let main = fs::read_to_string(dir.join("src/main.rs")).ok()?;
    let others = ["Cargo.toml", "src/lib.rs", "tests/who_may_do_what.rs"];
    let others = others.map(|path| fs::read_to_string(dir.join(path)).unwrap_or_default());
    Some(main + &others.concat())
}

/// Returns the time for the name of a migration: now, or the next second without a migration.
fn free_version(dir: &Path, now: DateTime<Utc>) -> DateTime<Utc> {
    let there = fs::read_dir(dir.join("migrations/sqlite")).into_iter().flatten().filter_map(Result::ok);
    let there: Vec<String> = there.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let seconds = (0..).map(|seconds| now + TimeDelta::seconds(seconds));
    let is_free = |at: &DateTime<Utc>| !there.iter().any(|name| name.starts_with(&version(*at)));
    seconds.take(there.len() + 1).find(is_free).unwrap_or(now)
}

/// Writes all files, or none if one exists already.
fn write_all(dir: &Path, files: &[File]) -> Result<(), Failure> {
    let there = |path: &Path| Failure::new(format!("{} exists already; nothing was written", path.display()));
    let paths = || files.iter().map(|file| dir.join(&file.path));
    if let Some(path) = paths().find(|path| path.symlink_metadata().is_ok()) {
        return Err(there(&path));
    }
    for (path, file) in paths().zip(files) {
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        let new = made.and_then(|()| fs::File::create_new(&path));
        new.and_then(|mut new| new.write_all(file.text.as_bytes())).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => there(&path),
            _ => Failure::new(format!("{} cannot be written: {error}", path.display())),
        })?;
    }
    Ok(())
}

/// Prints the written files and the next steps.
fn report(dir: &Path, files: &[File], add: &[String], json: bool) -> Result<(), Failure> {
    let paths = files.iter().map(|file| dir.join(&file.path));
    let written: Vec<String> =
        paths.map(|path| path.strip_prefix(".").unwrap_or(&path).display().to_string()).collect();
    let next = [PAGE, "cargo run"];
    if json {
        return print_json(&json!({ "written": written, "add": add, "next": next }));
    }
    let mut text: String = written.iter().map(|path| format!("wrote {path}\n")).collect();
    if !add.is_empty() {
        text += "\nAdd to the application:\n";
        text.extend(add.iter().map(|line| format!("    {line}\n")));
    }
    text += &format!("\nNext, in {}:\n", dir.display());
    text += &format!("    {PAGE}    write the authorization matrix, for review\n");
    text += "    cargo run                     serve on this machine, with SQLite\n";
    print(&text)
}
