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
use super::fields::{self, Field};
use super::files::{File, GITIGNORE_PATH, ignored, of_application, of_resource, to_add, version};
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
            "Examples:\n  cloakroom new resource note --dir notes --cloakroom-path ../cloakroom\n  \
             cloakroom new resource address --below users\n  \
             cloakroom new resource order 'status:enum(draft,placed)' total:int 'note:text?'\n\n\
             cloakroom is not published as a crate: a new application depends on a checkout or on a repository.",
        )
        .args([
            Arg::new("name").value_name("NAME").required(true).help("The name of one record, such as note"),
            Arg::new("fields").value_name("FIELD:TYPE").num_args(0..)
                .help("The fields: text, int, number, bool or enum(a,b), with ? behind the type if it can be null [default: text:text]"),
            Arg::new("plural").long("plural").value_name("NAME").help("The plural of the name [default: the regular one]"),
            Arg::new("below").long("below").value_name("KIND").value_parser(["users"])
                .help("Put the records below their owners: /users/{id}/…"),
            Arg::new("dir").long("dir").value_name("DIR").default_value(".").value_parser(directory)
                .help("The directory of the application"),
            Arg::new("cloakroom-path").long("cloakroom-path").value_name("DIR")
                .help("A checkout of cloakroom, relative to DIR, for the new Cargo.toml [default: the one that `cargo run` runs]"),
            Arg::new("cloakroom-git").long("cloakroom-git").value_name("URL").conflicts_with("cloakroom-path")
                .help("A Git repository of cloakroom, for the new Cargo.toml"),
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
    let fields = given.get_many::<String>("fields").into_iter().flatten();
    let fields: Vec<Field> =
        fields.map(|field| Field::parse(field)).collect::<Result<_, _>>().map_err(Failure::new)?;
    if let Some(twice) = fields::repeated(&fields) {
        return Err(Failure::new(format!("two fields are named {twice:?}")));
    }
    let known = known(&dir);
    let needs_cloakroom = known.as_deref().is_none_or(|known| !known.contains("cloakroom"));
    let cloakroom = match dependency(text("cloakroom-path"), text("cloakroom-git")) {
        Some(source) => source,
        None if needs_cloakroom => return Err(Failure::new(NO_SOURCE.to_owned())),
        None => String::new(),
    };
    let below_users = text("below").is_some();
    let mut files = of_resource(&names, &fields, below_users, free_version(&dir, clock.now()));
    let add = match &known {
        Some(known) => to_add(&names, known, &cloakroom),
        None => {
            files.extend(of_application(&names, &package(&dir, &names), &cloakroom));
            // A repository can have its list already.
            let has_list = dir.join(GITIGNORE_PATH).symlink_metadata().is_ok();
            files.retain(|file| !has_list || file.path != GITIGNORE_PATH);
            ignored().filter(|_| has_list).map(|line| format!("{GITIGNORE_PATH}: {line}")).collect()
        }
    };
    write_all(&dir, &files)?;
    report(&dir, &files, &add, given.get_flag("json"))
}

/// Failure without a source of the dependency.
const NO_SOURCE: &str = "cloakroom is not published as a crate: name a checkout with --cloakroom-path DIR, or a \
                         repository with --cloakroom-git URL";

/// Returns the source of the dependency, as in `Cargo.toml`. By default it is the checkout that `cargo run` runs.
fn dependency(path: Option<&str>, git: Option<&str>) -> Option<String> {
    // A JSON string is a valid TOML string.
    if let Some(url) = git {
        return Some(format!("git = {}", json!(url)));
    }
    let checkout = || {
        let root = std::env::var("CARGO_MANIFEST_DIR").ok()?;
        let manifest = fs::read_to_string(Path::new(&root).join("Cargo.toml")).ok()?;
        manifest
            .lines()
            .any(|line| line == concat!("name = \"", env!("CARGO_PKG_NAME"), "\""))
            .then_some(root)
    };
    path.map(str::to_owned).or_else(checkout).map(|path| format!("path = {}", json!(path)))
}

/// Returns the name of a new package: that of its directory, if it can be one, otherwise that of the resource.
fn package(dir: &Path, names: &Names) -> String {
    let name = fs::canonicalize(dir).ok().or_else(|| Some(dir.to_owned()));
    let name = name.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().to_lowercase());
    let is_name = |name: &String| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain)
    };
    // A package with the name of a dependency would be confused with it.
    let is_free = |name: &String| {
        !["cloakroom", "diesel", "serde", "utoipa", "test", "core", "std"].contains(&name.as_str())
    };
    name.filter(|name| is_name(name) && is_free(name)).unwrap_or_else(|| names.plural.clone())
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
