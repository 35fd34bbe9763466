//! Copies of an SQLite database, by SQLite's own backup (<https://www.sqlite.org/backup.html>): one
//! that is being written to is copied as it was at one moment. PostgreSQL has its own.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

/// How many pages are copied before it is told how far it is.
const PAGES: i32 = 4_096;

/// How long to wait for a lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no copy, or it is not a good one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] io::Error),
    /// SQLite cannot read or write it.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// It can be read, and is not as it was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It is a database of something else.
    #[error("it is not a database of this program")]
    Foreign,
    /// Another process has it open.
    #[error("another process has it open")]
    InUse,
}

/// What a copy holds.
#[derive(Debug)]
pub(crate) struct Copied {
    /// The versions of the migrations that it has.
    pub(crate) migrations: Vec<String>,
    /// How many accounts.
    pub(crate) users: u64,
    /// How large it is.
    pub(crate) bytes: u64,
}

/// Copies a database to a file that is not there yet, readable by its owner alone and whole in itself,
/// and tells from time to time how many of how many pages it has. Writers go on meanwhile.
///
/// # Errors
/// When the file is there already, or either cannot be read or written; then there is no copy.
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
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    source.busy_timeout(PATIENCE)?;
    // One view of it for the whole copy: otherwise each write of others would begin it anew.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_master")?;
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    {
        let backup = Backup::new(&source, &mut target)?;
        while !matches!(backup.step(PAGES)?, StepResult::Done) {
            let pages = backup.progress();
            let count = |pages: i32| u64::try_from(pages).unwrap_or(0);
            progress(count(pages.pagecount - pages.remaining), count(pages.pagecount));
        }
    }
    // One file, without a log beside it.
    leave_the_log(&target)?;
    drop(target);
    Ok(File::open(to)?.sync_all()?)
}

/// Brings the log back into the database. It fails while anybody else has the database open.
fn leave_the_log(database: &Connection) -> Result<(), BackupError> {
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

/// Makes one file of a database and its log, as it must be to be moved.
///
/// # Errors
/// [`BackupError::InUse`] while a server works with it.
pub(crate) fn close(path: &Path) -> Result<(), BackupError> {
    leave_the_log(&Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?)
}

/// Reads all of a copy: every page, index and reference.
///
/// # Errors
/// When it is not a sound copy of a database of this program.
pub(crate) fn examine(path: &Path) -> Result<Copied, BackupError> {
    let bytes = path.metadata()?.len();
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let texts = |query: &str| -> rusqlite::Result<Vec<String>> {
        database.prepare(query)?.query_map((), |row| row.get(0))?.collect()
    };
    let damage = texts("PRAGMA integrity_check")?;
    if let Some(first) = damage.first().filter(|first| *first != "ok") {
        return Err(BackupError::Damaged(first.clone()));
    }
    if let Some(table) = texts("PRAGMA foreign_key_check")?.first() {
        return Err(BackupError::Damaged(format!("a row of {table} refers to one that is not there")));
    }
    let own = "SELECT name FROM sqlite_master WHERE name IN ('users', '__diesel_schema_migrations')";
    if texts(own)?.len() != 2 {
        return Err(BackupError::Foreign);
    }
    let migrations = texts("SELECT version FROM __diesel_schema_migrations ORDER BY version")?;
    let users: i64 = database.query_row("SELECT count(*) FROM users", (), |row| row.get(0))?;
    Ok(Copied { migrations, users: users.unsigned_abs(), bytes })
}
