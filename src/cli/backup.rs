//! `cloakroom backup` and `cloakroom restore`: a copy of an SQLite database, while it is used, and the
//! way back.

use std::path::{Path, PathBuf};

use actix_web::rt::System;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::json;

use super::arguments::{json_flag, required, switch};
use super::context::Context;
use super::output::{Failure, print, print_json};
use super::progress::{progress, progress_ends};
use crate::config::Database;
use crate::server::master_key::load_master_key;
use crate::server::stored_keys;
use crate::store::ChainKey;
use crate::store::audit::check::Check;
use crate::store::engine::backup;
use crate::store::engine::backup::{BackupError, Copied};

fn file() -> Arg {
    Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf))
}

pub(super) fn command() -> Command {
    Command::new("backup")
        .about("Copy the SQLite database to a file, as it is at one moment; the server goes on meanwhile")
        .after_help(
            "The copy is read through before it gets its name. The master key is not in it: keep a copy of \
             that elsewhere, without it the copy's signing keys cannot be opened.\n\
             PostgreSQL has its own: pg_dump --format=custom; see docs/operating.md.\n\n\
             Example:\n  cloakroom backup /backups/cloakroom-$(date +%F).db",
        )
        .args([file().help("The file to make; it must not be there"), json_flag()])
}

pub(super) fn restore_command() -> Command {
    Command::new("restore")
        .about("Put a copy that `backup` made in the place of the SQLite database")
        .after_help(
            "Nothing is changed before the copy is found good: every page is read, its schema is brought up to \
             date, its signing keys are opened with the master key, and its audit trail is walked.\n\
             The server must be stopped. A database that is there is put aside, not removed.\n\n\
             Examples:\n  cloakroom restore --check /backups/cloakroom-2026-11-26.db   \
             is it good? changes nothing\n  cloakroom restore --replace /backups/cloakroom-2026-11-26.db",
        )
        .args([
            file().help("The copy"),
            switch("check", "Only say whether it could be restored"),
            switch("replace", "Put aside the database that is there"),
            json_flag(),
        ])
}

pub(super) fn run(context: &Context, given: &ArgMatches) -> Result<(), Failure> {
    let (database, file) = (sqlite_path(context)?, required::<PathBuf>(given, "file")?);
    if !database.exists() {
        return Err(Failure::new(format!("there is no database {}", database.display())));
    }
    if file.exists() {
        return Err(Failure::new(format!("{} is there already; choose another name", file.display())));
    }
    let unfinished = beside(&file, "partial");
    let copied = copy_and_examine(&database, &unfinished).map_err(|error| about(&file, &error))?;
    std::fs::rename(&unfinished, &file).map_err(|error| about(&file, &error.into()))?;
    tell(&file, &copied, given.get_flag("json"), "copied", None)
}

pub(super) fn restore(context: &Context, given: &ArgMatches) -> Result<(), Failure> {
    let (database, file) = (sqlite_path(context)?, required::<PathBuf>(given, "file")?);
    let (only_check, replace) = (given.get_flag("check"), given.get_flag("replace"));
    if !only_check && !replace && database.exists() {
        return Err(Failure::new(format!(
            "{} is there already; stop the server and give --replace, and it is put aside",
            database.display()
        )));
    }
    let restored = beside(&database, "restored");
    let copied = copy_and_examine(&file, &restored).map_err(|error| about(&file, &error))?;
    let done = check_version(context, &file, &copied)
        .and_then(|()| prove(context, &file, &restored))
        .and_then(|()| if only_check { Ok(None) } else { put_in_place(&database, &restored) });
    let _ = std::fs::remove_file(&restored);
    let what = if only_check { "good" } else { "restored" };
    tell(&file, &copied, given.get_flag("json"), what, done?)
}

fn sqlite_path(context: &Context) -> Result<PathBuf, Failure> {
    match &context.config().database {
        Database::Sqlite(path) => Ok(path.clone()),
        Database::Postgres(_) => Err(Failure::new(
            "this is for SQLite; PostgreSQL has its own: pg_dump --format=custom --file=FILE, and \
             pg_restore --exit-on-error --dbname=… FILE; see docs/operating.md",
        )),
    }
}

/// A name in the same directory, so that the file can be renamed.
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
        // It is not the copy that was wanted.
        let _ = std::fs::remove_file(to);
    })
}

fn about(file: &Path, error: &BackupError) -> Failure {
    Failure::new(format!("{}: {error}", file.display()))
}

/// What this program does not know, it cannot serve.
fn check_version(context: &Context, file: &Path, copied: &Copied) -> Result<(), Failure> {
    let known: Vec<String> = context.app.migrations.iter().flat_map(|some| some.versions()).collect();
    let unknown = copied.migrations.iter().find(|version| !known.contains(version));
    unknown.map_or(Ok(()), |version| {
        let file = file.display();
        Err(Failure::new(format!("{file} is of a later version: this program has no migration {version}")))
    })
}

/// Does with the copy all that a server would do at its start, and walks the audit trail.
fn prove(context: &Context, file: &Path, restored: &Path) -> Result<(), Failure> {
    let mut settings = context.settings.clone();
    settings.config.database = Database::Sqlite(restored.to_owned());
    let copy =
        Context { app: context.app.clone(), settings, clock_and_random: context.clock_and_random.clone() };
    let store = copy.migrated_store()?;
    let findings = System::new().block_on(async {
        if !store.signing_keys().await?.is_empty() {
            stored_keys(&store, copy.config(), &copy.clock_and_random).await?;
        }
        let master = load_master_key(context.config(), &context.clock_and_random.random, true)
            .map_err(|error| Failure::new(error.to_string()))?;
        let check = Check { store: &store, key: ChainKey::new(&master.derive("audit")), anchor: None };
        Ok::<_, Failure>(check.run(|lines| progress(&format!("{lines} lines of the audit trail"))).await?)
    })?;
    progress_ends();
    drop(store);
    match findings.wrong.first() {
        None => backup::close(restored).map_err(|error| about(restored, &error)),
        Some(wrong) => Err(Failure::new(format!(
            "{}: its audit trail is not as it was written: {wrong}",
            file.display()
        ))),
    }
}

/// Puts the copy where the database is to be, and that aside which is there.
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

fn tell(
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
    let aside = aside.map(|path| format!("what was there is now {path}\n")).unwrap_or_default();
    print(&format!("{}: {what}, {users} accounts, {bytes} bytes\n{aside}", file.display()))
}
