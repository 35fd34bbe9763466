//! What can go wrong in the store, as the rest of the server has to know it.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away, busy or full: nothing was done, and it may work later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The e-mail, or the client id, belongs to another record.
    #[error("the name is taken")]
    Taken,
    /// The record was changed, or removed, since it was read.
    #[error("the record was changed meanwhile")]
    Changed,
    /// It would leave nobody who can administer the server.
    #[error("the last administrator must stay")]
    LastAdmin,
    /// Something that should not happen; the detail is for the log.
    #[error("the store failed: {0}")]
    Internal(String),
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::Taken,
            DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::SerializationFailure
                | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            ) => Self::Unavailable(error.to_string()),
            DieselError::DatabaseError(_, detail) if is_passing(detail.message()) => {
                Self::Unavailable(error.to_string())
            }
            DieselError::BrokenTransactionManager => Self::Unavailable(error.to_string()),
            _ => Self::Internal(error.to_string()),
        }
    }
}

impl From<crate::domain::NoRandomness> for StoreError {
    fn from(error: crate::domain::NoRandomness) -> Self {
        Self::Internal(error.to_string())
    }
}

/// Diesel gives these conditions no kind of their own; the engines' words are all there is.
fn is_passing(message: &str) -> bool {
    [
        "database is locked",
        "database table is locked",
        "disk is full",
        "disk I/O error",
        "server closed the connection",
        "terminating connection",
        "no connection to the server",
        "connection to server",
        "could not receive data",
        "could not send data",
        "SSL connection has been closed",
        "statement timeout",
        "lock timeout",
        "deadlock detected",
        "too many clients",
        "the database system is",
        "No space left",
    ]
    .iter()
    .any(|words| message.contains(words))
}
