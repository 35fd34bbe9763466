//! `cloakroom backup` and `cloakroom restore`: a copy of an SQLite database in use, and its restoration.

use std::path::{Path, PathBuf};

use actix_web::rt::System;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::json;

use super::arguments::{json_flag, required, switch};
use super::context::Context;
use super::output::{Failure, print, print_json};
use super::progress::{progress, progress_ends};
use crate::config::Database;
use crate::server::stored_keys;
use crate::store::audit::check::Check;
use crate::store::engine::backup;
use crate::store::engine::backup::{BackupError, Copied};
use crate::store::{Engine, StoreError, hold};

/// Location of the database, in the memory of this process, with which the schema of a copy is compared.
const REFERENCE: &str = "file:/cloakroom-restore-reference?vfs=memdb";

fn file() -> Arg {
    Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf))
}

pub(super) fn command() -> Command {
    Command::new("backup")
        .about("Copy the SQLite database to a file; a consistent copy, also while the server runs")
        .after_help(
            "The copy is checked before it gets its name. It does not contain the master key. Keep the master \
             key in another place: without it the signing keys in the copy cannot be opened.\n\
             For PostgreSQL use pg_dump --format=custom; see docs/operating.md.\n\n\
             Example:\n  cloakroom backup /backups/cloakroom-$(date +%F).db",
        )
        .args([file().help("The new file; it must not exist"), json_flag()])
}

pub(super) fn restore_command() -> Command {
    Command::new("restore")
        .about("Replace the SQLite database by a copy from `backup`")
        .after_help(
            "First the copy is checked: every page is read, its schema is migrated and compared, its signing keys are opened \
             with the master key, and its audit trail is verified. Only then the database is replaced.\n\
             Stop the server first. An existing database is renamed, not removed.\n\n\
             Examples:\n  cloakroom restore --check /backups/cloakroom-2026-11-26.db   \
             check only\n  cloakroom restore --replace /backups/cloakroom-2026-11-26.db",
        )
        .args([
            file().help("The copy"),
            switch("check", "Only check the copy"),
            switch("replace", "Rename the existing database first"),
            json_flag(),
        ])
}

pub(super) fn run(context: &Context, given: &ArgMatches) -> Result<(), Failure> {
    let (database, file) = (sqlite_path(context)?, required::<PathBuf>(given, "file")?);
    if !database.exists() {
        return Err(Failure::new(format!("the database {} does not exist", database.display())));
    }
    if file.exists() {
        return Err(Failure::new(format!("{} exists already; choose another name", file.display())));
    }
    let unfinished = beside(&file, "partial");
    let copied = copy_and_examine(&database, &unfinished).map_err(|error| about(&file, &error))?;
    std::fs::rename(&unfinished, &file).map_err(|error| about(&file, &error.into()))?;
    print_outcome(&file, &copied, given.get_flag("json"), "copied", None)
}

pub(super) fn restore(context: &Context, given: &ArgMatches) -> Result<(), Failure> {
    let (database, file) = (sqlite_path(context)?, required::<PathBuf>(given, "file")?);
    let (only_check, replace) = (given.get_flag("check"), given.get_flag("replace"));
    if !only_check && !replace && database.exists() {
        return Err(Failure::new(format!(
            "{} exists already; stop the server and give --replace, which renames it",
            database.display()
        )));
    }
    let restored = beside(&database, "restored");
    let copied = copy_and_examine(&file, &restored).map_err(|error| about(&file, &error))?;
    let done = check_version(context, &file, &copied)
        .and_then(|()| check_content(context, &file, &restored))
        .and_then(|()| if only_check { Ok(None) } else { put_in_place(&database, &restored) });
    let _ = std::fs::remove_file(&restored);
    let what = if only_check { "good" } else { "restored" };
    print_outcome(&file, &copied, given.get_flag("json"), what, done?)
}

fn sqlite_path(context: &Context) -> Result<PathBuf, Failure> {
    match &context.config().database {
        Database::Sqlite(path) => Ok(path.clone()),
        Database::Postgres(_) => Err(Failure::new(
            "this command is for SQLite; for PostgreSQL use pg_dump --format=custom --file=FILE and \
             pg_restore --exit-on-error --dbname=… FILE; see docs/operating.md",
        )),
    }
}

/// Returns a path in the same directory, so that the file can be renamed.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}"));
    path.with_file_name(name)
}

fn copy_and_examine(from: &Path, to: &Path) -> Result<Copied, BackupError> {
    backup::copy(from, to, |pages, all| {
        progress(&format!("{} of 100", pages.saturating_mul(100) / all.max(1)));
    })?;
    progress_ends();
    backup::examine(to).inspect_err(|_| {
        // An invalid copy is of no use.
        let _ = std::fs::remove_file(to);
    })
}

fn about(file: &Path, error: &BackupError) -> Failure {
    Failure::new(format!("{}: {error}", file.display()))
}

/// Refuses a copy with a migration that this version does not know.
fn check_version(context: &Context, file: &Path, copied: &Copied) -> Result<(), Failure> {
    let known: Vec<String> = context.app.migrations.iter().flat_map(|some| some.versions()).collect();
    let unknown = copied.migrations.iter().find(|version| !known.contains(version));
    unknown.map_or(Ok(()), |version| {
        let file = file.display();
        Err(Failure::new(format!(
            "{file} is from a later version: this one does not have the migration {version}"
        )))
    })
}

/// Does everything with the copy that a server does at its start, and verifies the audit trail.
fn check_content(context: &Context, file: &Path, restored: &Path) -> Result<(), Failure> {
    let mut settings = context.settings.clone();
    settings.config.database = Database::Sqlite(restored.to_owned());
    let copy =
        Context { app: context.app.clone(), settings, clock_and_random: context.clock_and_random.clone() };
    let store = copy.migrated_store()?;
    check_schema(context, restored).map_err(|error| about(file, &error))?;
    let findings = System::new().block_on(async {
        if !store.signing_keys().await?.is_empty() {
            stored_keys(&store, copy.config(), &copy.clock_and_random).await?;
        }
        copy.master_keys(&store).await?;
        let check = Check { store: &store, anchor: None };
        Ok::<_, Failure>(check.run(|lines| progress(&format!("{lines} lines of the audit trail"))).await?)
    })?;
    progress_ends();
    drop(store);
    match findings.wrong.first() {
        None => backup::close(restored).map_err(|error| about(restored, &error)),
        Some(wrong) => Err(Failure::new(format!("{}: its audit trail was changed: {wrong}", file.display()))),
    }
}

/// Compares the schema with that of a new database in memory.
fn check_schema(context: &Context, restored: &Path) -> Result<(), BackupError> {
    let internal = |error: StoreError| BackupError::Schema(error.to_string());
    let _held = hold(REFERENCE).map_err(internal)?;
    context.app.migrate(&Engine::Sqlite(REFERENCE.into())).map_err(internal)?;
    backup::compare_schemas(Path::new(REFERENCE), restored)
}

/// Puts the copy in place of the database, and renames the existing database.
fn put_in_place(database: &Path, restored: &Path) -> Result<Option<PathBuf>, Failure> {
    let failed = |error: std::io::Error| about(database, &error.into());
    let mut aside = None;
    if database.exists() {
        backup::close(database).map_err(|error| {
            Failure::new(format!("{}: {error}; stop the server first", database.display()))
        })?;
        let to =
            (1..).map(|count| beside(database, &format!("replaced-{count}"))).find(|path| !path.exists());
        if let Some(to) = to {
            std::fs::rename(database, &to).map_err(failed)?;
            aside = Some(to);
        }
    }
    std::fs::rename(restored, database).map_err(failed)?;
    Ok(aside)
}

fn print_outcome(
    file: &Path,
    copied: &Copied,
    as_json: bool,
    what: &str,
    aside: Option<PathBuf>,
) -> Result<(), Failure> {
    let Copied { users, bytes, migrations } = copied;
    let aside = aside.map(|path| path.display().to_string());
    if as_json {
        return print_json(&json!({
            "file": file.display().to_string(), "done": what, "users": users, "bytes": bytes,
            "schema": migrations.last(), "put_aside": aside,
        }));
    }
    let aside = aside.map(|path| format!("the previous database is now {path}\n")).unwrap_or_default();
    print(&format!("{}: {what}, {users} accounts, {bytes} bytes\n{aside}", file.display()))
}
