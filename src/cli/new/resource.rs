//! `cloakroom new`: the files of a resource, as somebody would write them who knows the house.

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
use crate::App;
use crate::domain::Clock;

/// The page that the written test holds the application against.
const PAGE: &str = "UPDATE_GOLDEN=1 cargo test";

pub(crate) fn command() -> Command {
    let directory = PathBufValueParser::new();
    let resource = Command::new("resource")
        .about("Write a resource: its record, policy, routes, migrations and test; where there is no application yet, that too")
        .after_help(
            "Examples:\n  cloakroom new resource note --dir notes\n  \
             cloakroom new resource entry --plural entries --cloakroom-path ../cloakroom",
        )
        .args([
            Arg::new("name").value_name("NAME").required(true).help("What one record is called, such as note"),
            Arg::new("plural").long("plural").value_name("NAME").help("What all are called [default: NAME + s]"),
            Arg::new("dir").long("dir").value_name("DIR").default_value(".").value_parser(directory)
                .help("The directory of the application"),
            Arg::new("cloakroom-path").long("cloakroom-path").value_name("DIR")
                .help("A checkout of cloakroom, as seen from there, for the new Cargo.toml [default: the version]"),
            json_flag(),
        ]);
    group("new", "Begin an application, or a resource of one", [resource])
        .after_help("Example:\n  cloakroom new resource note --dir notes")
}

pub(crate) fn run(app: &App, clock: &Clock, matches: &ArgMatches) -> Result<(), Failure> {
    let Some((_, given)) = matches.subcommand() else { return Ok(()) };
    let (name, dir): (String, PathBuf) = (required(given, "name")?, required(given, "dir")?);
    let text = |argument| given.get_one::<String>(argument).map(String::as_str);
    let names = Names::new(app, &name, text("plural")).map_err(Failure::new)?;
    let cloakroom = match text("cloakroom-path") {
        // A string of JSON is one of TOML.
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

/// The code of the application that is there already, as far as something may have to be added.
fn known(dir: &Path) -> Option<String> {
    let main = fs::read_to_string(dir.join("src/main.rs")).ok()?;
    let others = ["Cargo.toml", "src/lib.rs", "tests/who_may_do_what.rs"];
    let others = others.map(|path| fs::read_to_string(dir.join(path)).unwrap_or_default());
    Some(main + &others.concat())
}

/// The time that names a migration: now, or the first second after it that names none yet.
fn free_version(dir: &Path, now: DateTime<Utc>) -> DateTime<Utc> {
    let there = fs::read_dir(dir.join("migrations/sqlite")).into_iter().flatten().filter_map(Result::ok);
    let there: Vec<String> = there.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let seconds = (0..).map(|seconds| now + TimeDelta::seconds(seconds));
    let is_free = |at: &DateTime<Utc>| !there.iter().any(|name| name.starts_with(&version(*at)));
    seconds.take(there.len() + 1).find(is_free).unwrap_or(now)
}

/// Writes all, or nothing where a file is there already.
fn write_all(dir: &Path, files: &[File]) -> Result<(), Failure> {
    let there =
        |path: &Path| Failure::new(format!("{} is there already; nothing was written", path.display()));
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

/// Says what was written, and what is left to do.
fn report(dir: &Path, files: &[File], add: &[String], json: bool) -> Result<(), Failure> {
    let paths = files.iter().map(|file| dir.join(&file.path));
    let written: Vec<String> =
        paths.map(|path| path.strip_prefix(".").unwrap_or(&path).display().to_string()).collect();
    let next = [PAGE, "cargo run"];
    if json {
        return print_json(&json!({ "written": written, "add": add, "next": next }));
    }
    let mut told: String = written.iter().map(|path| format!("wrote {path}\n")).collect();
    if !add.is_empty() {
        told += "\nWhat to add to the application:\n";
        told.extend(add.iter().map(|line| format!("    {line}\n")));
    }
    told += &format!("\nWhat to do next, in {}:\n", dir.display());
    told += &format!("    {PAGE}    write down who may do what, to be read\n");
    told += "    cargo run                     serve it on this machine, with SQLite\n";
    print(&told)
}
