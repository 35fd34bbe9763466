//! `DATABASE_URL`: a file for SQLite, or a URL for PostgreSQL.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::parse::Parsed;
use crate::domain::parse_number;
use crate::store::check_postgres_url;

/// Database of the server.
#[derive(Clone, Debug)]
pub enum Database {
    /// SQLite, in this file.
    Sqlite(PathBuf),
    /// PostgreSQL, at this URL, which may hold a password.
    Postgres(SecretString),
}

impl Database {
    /// Returns the database for people: its URL without password and parameters.
    pub fn describe(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres(url) => {
                without_password(url.expose_secret()).unwrap_or_else(|| "postgres://…".to_owned())
            }
        }
    }

    pub(super) fn parse(text: &str) -> Parsed<Self> {
        match text.split_once(':') {
            Some(("sqlite", rest)) => sqlite(rest.strip_prefix("//").unwrap_or(rest)),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                without_password(text).ok_or(
                    "write postgres://user:password@host:port/name, with numbers for ports, and with \
                     %40, %2F, %3A, %3F for @ / : ? in a password",
                )?;
                check_postgres_url(text)?;
                Ok(Self::Postgres(SecretString::from(text)))
            }
            _ => Err("write sqlite://path or postgres://user:password@host/name".to_owned()),
        }
    }

    /// Returns a text for `DATABASE_URL` as it may be shown. In an invalid URL the place of the password is
    /// unknown.
    pub(super) fn shown(text: &str) -> String {
        match (Self::parse(text), text.split_once("://")) {
            (Ok(database), _) => database.describe(),
            (Err(_), _) if text.starts_with("sqlite:") => text.to_owned(),
            (Err(_), Some((scheme, _))) if scheme.chars().all(char::is_alphanumeric) => {
                format!("{scheme}://…")
            }
            (Err(_), _) if text.contains([':', '=', '@']) => "(hidden)".to_owned(),
            (Err(_), _) => text.to_owned(),
        }
    }
}

fn sqlite(path: &str) -> Parsed<Database> {
    if path.contains(":memory:") {
        return Err("write the path of a file: each connection would have its own memory, and all data \
                    would be lost when the server stops"
            .to_owned());
    }
    // SQLite reads a name that starts with `file:` as a URI with its own parameters.
    let is_file = !path.is_empty() && !path.ends_with('/') && !path.starts_with("file:");
    if !is_file || path.contains('?') {
        return Err("write sqlite:// and the path of a file, without parameters".to_owned());
    }
    Ok(Database::Sqlite(PathBuf::from(path)))
}

/// Returns the URL without password and parameters. None when their place is not certain.
fn without_password(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (address, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    if parameters.contains('@') {
        return None;
    }
    let (user, place) = match address.rsplit_once('@') {
        Some((user, place)) => (format!("{}@", user.split(':').next()?), place),
        None => (String::new(), address),
    };
    let hosts = place.split('/').next()?;
    let has_good_port = |host: &str| match host.rsplit_once(':') {
        Some((_, port)) => host.ends_with(']') || parse_number::<u16>(port).is_some(),
        None => true,
    };
    hosts.split(',').all(has_good_port).then(|| format!("{scheme}://{user}{place}"))
}
