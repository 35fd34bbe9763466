//! Types of settings that are more than text or a number.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use chrono::TimeDelta;

use crate::token::MasterKey;

/// Purpose of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// For real users.
    Production,
    /// For trials before real users use it.
    Staging,
    /// For automated tests; its data is in memory only: `serve --test`.
    Test,
}

impl Environment {
    /// Returns the value of `X-Cloakroom-Environment`. Production sends no such header.
    pub fn told(self) -> Option<&'static str> {
        match self {
            Self::Production => None,
            Self::Staging => Some("staging"),
            Self::Test => Some("test"),
        }
    }
}

/// Rule for new accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Everyone may register an account.
    Open,
    /// Everyone may register an account, which exists once its address is proved by a mailed link.
    Verified,
    /// Only callers with the scope for it create accounts.
    Closed,
}

impl Registration {
    /// True when everyone may register an account.
    pub fn is_open(self) -> bool {
        self != Self::Closed
    }
}

/// Header in which a reverse proxy names its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`: addresses, separated by commas.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl Display for ForwardingHeader {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XForwardedFor => "X-Forwarded-For",
            Self::Forwarded => "Forwarded",
        })
    }
}

/// Source of the master key.
#[derive(Clone, Debug)]
pub enum MasterKeySource {
    /// The configuration itself.
    Given(MasterKey),
    /// This file, which must exist.
    File(PathBuf),
    /// This file beside the database. The server creates it at the first start, with mode 0600.
    DataDirectory(PathBuf),
}

/// Time for which audit entries are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// For ever, because the operator has not decided.
    Undecided,
    /// For ever.
    Forever,
    /// At least this long.
    For(TimeDelta),
}

/// Files of the server's certificate and its private key, in PEM.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// The certificate, followed by the intermediate certificates.
    pub(crate) certificate: PathBuf,
    /// The private key of the certificate.
    pub(crate) key: PathBuf,
}
