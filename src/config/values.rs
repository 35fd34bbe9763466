//! The types of settings that are more than text or a number.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::own;
use crate::token::MasterKey;

/// Where the data is.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// The whole URL, which may hold a password.
    Postgres(SecretString),
}

impl Database {
    /// The database for people: its URL without password and parameters.
    pub fn describe(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres(url) => {
                own::without_password(url.expose_secret()).unwrap_or_else(|| "postgres://…".to_owned())
            }
        }
    }
}

/// What a server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Its users are real.
    Production,
    /// It is tried out before it is for real users.
    Staging,
    /// It was made for tests, and forgets everything: `serve --test`.
    Test,
}

impl Environment {
    /// What its answers say of it; production says nothing.
    pub fn told(self) -> Option<&'static str> {
        match self {
            Self::Production => None,
            Self::Staging => Some("staging"),
            Self::Test => Some("test"),
        }
    }
}

/// Whether anyone may register an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Anyone may.
    Open,
    /// Accounts are made by those who may create them.
    Closed,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where the master key comes from.
#[derive(Clone, Debug)]
pub enum MasterKeySource {
    /// The configuration.
    Given(MasterKey),
    /// This file, which must be there.
    File(PathBuf),
    /// This file in the directory of the database: made at the first start, mode 0600.
    DataDirectory(PathBuf),
}
