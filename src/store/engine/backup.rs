//! Backup of an SQLite database, with SQLite's backup API (<https://www.sqlite.org/backup.html>): a
//! consistent copy while writes go on. PostgreSQL has tools of its own.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

/// Number of pages copied between two progress reports.
const PAGES: i32 = 4_096;

/// Timeout for a lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Error of a backup.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] io::Error),
    /// SQLite cannot read or write the database.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The database is corrupt.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The file is a database of another program.
    #[error("the file is not a database of this program")]
    Foreign,
    /// The schema is not the one that the migrations make.
    #[error("its schema was changed: {0}")]
    Schema(String),
    /// Another process has the database open.
    #[error("another process has the database open")]
    InUse,
}

/// Content of a backup.
#[derive(Debug)]
pub(crate) struct Copied {
    /// Versions of its applied migrations.
    pub(crate) migrations: Vec<String>,
    /// Number of accounts.
    pub(crate) users: u64,
    /// Size in bytes.
    pub(crate) bytes: u64,
}

/// Copies a database to a new file, readable by its owner only and without a write-ahead log. Writes go on
/// meanwhile. `progress` takes the number of copied pages and of all pages.
///
/// # Errors
/// When the file exists, or either file cannot be read or written; then no copy remains.
pub(crate) fn copy(from: &Path, to: &Path, progress: impl Fn(u64, u64)) -> Result<(), BackupError> {
    make_private(to)?;
    let copied = copy_into(from, to, progress);
    if copied.is_err() {
        std::fs::remove_file(to)?;
    }
    copied
}

fn make_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn copy_into(from: &Path, to: &Path, progress: impl Fn(u64, u64)) -> Result<(), BackupError> {
    let source = open(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    source.busy_timeout(LOCK_TIMEOUT)?;
    // One read transaction for the whole copy: otherwise each write of another process restarts the copy.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_master")?;
    let mut target = open(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    {
        let backup = Backup::new(&source, &mut target)?;
        while !matches!(backup.step(PAGES)?, StepResult::Done) {
            let pages = backup.progress();
            let count = |pages: i32| u64::try_from(pages).unwrap_or(0);
            progress(count(pages.pagecount - pages.remaining), count(pages.pagecount));
        }
    }
    // One file, without a write-ahead log beside it.
    fold_log(&target)?;
    // The unused part of a page can have a copy of a row that SQLite moved, and that was deleted since.
    target.execute_batch("VACUUM")?;
    drop(target);
    Ok(File::open(to)?.sync_all()?)
}

/// Opens a database whose schema may be an attacker's: no function with an effect runs out of the schema.
fn open(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let database = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_URI)?;
    database.execute_batch("PRAGMA trusted_schema = OFF")?;
    Ok(database)
}

/// Moves the write-ahead log into the database. Fails while another process has the database open.
fn fold_log(database: &Connection) -> Result<(), BackupError> {
    let mode: Result<String, _> = database.query_row("PRAGMA journal_mode = DELETE", (), |row| row.get(0));
    match mode {
        Ok(mode) if mode == "delete" => Ok(()),
        Ok(_) => Err(BackupError::InUse),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
            Err(BackupError::InUse)
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes one file of a database and its log, so that the file can be moved.
///
/// # Errors
/// [`BackupError::InUse`] while a server uses it.
pub(crate) fn close(path: &Path) -> Result<(), BackupError> {
    fold_log(&open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?)
}

/// Checks a backup: every page, index and reference.
///
/// # Errors
/// When it is damaged, or not a database of this program.
pub(crate) fn examine(path: &Path) -> Result<Copied, BackupError> {
    let bytes = path.metadata()?.len();
    let database = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let texts = |query: &str| -> rusqlite::Result<Vec<String>> {
        database.prepare(query)?.query_map((), |row| row.get(0))?.collect()
    };
    let damage = texts("PRAGMA integrity_check")?;
    if let Some(first) = damage.first().filter(|first| *first != "ok") {
        return Err(BackupError::Damaged(first.clone()));
    }
    if let Some(table) = texts("PRAGMA foreign_key_check")?.first() {
        return Err(BackupError::Damaged(format!("a row of {table} refers to a missing row")));
    }
    let own = "SELECT name FROM sqlite_master WHERE name IN ('users', '__diesel_schema_migrations')";
    if texts(own)?.len() != 2 {
        return Err(BackupError::Foreign);
    }
    let migrations = texts("SELECT version FROM __diesel_schema_migrations ORDER BY version")?;
    let users: i64 = database.query_row("SELECT count(*) FROM users", (), |row| row.get(0))?;
    Ok(Copied { migrations, users: users.unsigned_abs(), bytes })
}

/// Tables and indexes that SQLite makes by itself. A crafted file can name any object `sqlite_…`, so the names
/// are exact.
const OF_SQLITE: &str = "(type = 'index' AND sql IS NULL)
    OR (type = 'table' AND name IN ('sqlite_sequence', 'sqlite_stat1', 'sqlite_stat4'))";

/// Checks that a database has exactly the tables, indexes, triggers and views of `reference`. A trigger could
/// make the next login an administrator.
///
/// # Errors
/// [`BackupError::Schema`] names an object that differs.
pub(crate) fn compare_schemas(reference: &Path, path: &Path) -> Result<(), BackupError> {
    let (expected, found) = (schema(reference)?, schema(path)?);
    let differs = |what: &str, (kind, name): &(String, String)| {
        BackupError::Schema(format!("{what} the {kind} {name}"))
    };
    for (object, definition) in &found {
        match expected.get(object) {
            None => return Err(differs("it has", object)),
            Some(expected) if expected != definition => {
                return Err(differs("different definition of", object));
            }
            Some(_) => {}
        }
    }
    expected
        .keys()
        .find(|object| !found.contains_key(*object))
        .map_or(Ok(()), |object| Err(differs("it lacks", object)))
}

/// Returns the definition of each object, by type and name.
fn schema(path: &Path) -> rusqlite::Result<BTreeMap<(String, String), String>> {
    let database = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let query =
        format!("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master WHERE NOT ({OF_SQLITE})");
    let mut statement = database.prepare(&query)?;
    let objects = statement.query_map((), |row| {
        let (table, sql): (String, String) = (row.get(2)?, row.get(3)?);
        let words: Vec<&str> = sql.split_whitespace().collect();
        Ok(((row.get(0)?, row.get(1)?), format!("{table}: {}", words.join(" "))))
    })?;
    objects.collect()
}
