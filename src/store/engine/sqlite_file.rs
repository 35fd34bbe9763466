//! File of an SQLite database: its creation, and the reason when it cannot be used. No function opens the
//! file of a database in use: its close would drop the locks that SQLite holds in this process.

use std::fs::OpenOptions;
use std::path::{Path, absolute};

use diesel::{Connection as _, SqliteConnection};

use crate::store::StoreError;

/// Messages of SQLite that do not name the file or the reason.
const VAGUE: [&str; 2] = ["unable to open database file", "readonly database"];

/// Opens the database, and creates its file if it is missing.
///
/// # Errors
/// When SQLite cannot open it.
pub(super) fn open(path: &Path) -> Result<SqliteConnection, StoreError> {
    if path != Path::new(":memory:") && !path.starts_with("file:") {
        create_private(path);
    }
    SqliteConnection::establish(&path.to_string_lossy())
        .map_err(|error| with_reason(path, StoreError::Unavailable(error.to_string())))
}

/// Creates the file readable by its owner only. SQLite gives the files beside it the same mode. Logs the
/// creation: in a wrong working directory it is a surprise.
fn create_private(path: &Path) {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Usually the file exists already, and then this fails.
    if options.open(path).is_ok() {
        log::info!("created the database {}", full(path));
    }
}

/// Adds the file, its owner and what to do to an error that names none of them.
pub(super) fn with_reason(path: &Path, error: StoreError) -> StoreError {
    let text = error.to_string().to_lowercase();
    if !VAGUE.iter().any(|vague| text.contains(vague)) {
        return error;
    }
    let directory = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let why = match (owner(path), owner(directory)) {
        (_, None) => "its directory does not exist".to_owned(),
        (None, Some(directory)) => format!("it cannot be created: its directory is {directory}"),
        (Some(file), Some(directory)) => format!(
            "permission denied: the file is {file}, its directory {directory}; run as the owner of both"
        ),
    };
    StoreError::Unavailable(format!("{}: {why}", full(path)))
}

fn full(path: &Path) -> String {
    absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// Returns the owner and the mode of a file, in words. None if it does not exist.
fn owner(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        Some(format!("owned by uid {} with mode {:03o}", metadata.uid(), metadata.mode() & 0o777))
    }
    #[cfg(not(unix))]
    Some(if metadata.permissions().readonly() { "read-only" } else { "writable" }.to_owned())
}
