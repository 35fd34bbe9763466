//! What can go wrong in the store, as the rest of the server has to know it.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away, busy or full: nothing was done, and it may work later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The connection led nowhere: it broke, or to a server that takes no writes; nothing was done.
    /// Outside the store it is [`StoreError::Unavailable`].
    #[error("the connection to the database is lost: {0}")]
    Lost(String),
    /// The database undid the transaction because it was in the way of another. Outside the store it
    /// is [`StoreError::Unavailable`].
    #[error("the database undid it: {0}")]
    Undone(String),
    /// The database went away while it was being committed: whether it was done is not known.
    #[error("whether it was done is not known: {0}")]
    Uncertain(String),
    /// The e-mail, or the client id, belongs to another record.
    #[error("the name is taken")]
    Taken,
    /// The record was changed, or removed, since it was read.
    #[error("the record was changed meanwhile")]
    Changed,
    /// It would leave nobody who can administer the server.
    #[error("the last administrator must stay")]
    LastAdmin,
    /// Somebody else is doing, or did, what was to be done once.
    #[error("it was done already")]
    Repeated,
    /// Something that should not happen; the detail is for the log.
    #[error("the store failed: {0}")]
    Internal(String),
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::Taken,
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => {
                Self::Undone(error.to_string())
            }
            DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            )
            | DieselError::BrokenTransactionManager => Self::Lost(error.to_string()),
            DieselError::DatabaseError(_, detail) => {
                let says = |words: &[&str]| words.iter().any(|words| detail.message().contains(words));
                match error.to_string() {
                    why if says(UNDONE) => Self::Undone(why),
                    why if says(LOST) => Self::Lost(why),
                    why if says(PASSING) => Self::Unavailable(why),
                    why => Self::Internal(why),
                }
            }
            _ => Self::Internal(error.to_string()),
        }
    }
}

impl StoreError {
    /// Whether to make the same once more can harm nobody and may go well.
    pub(in crate::store) fn is_transient(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Undone(_))
    }

    /// What a commit failed with. Where it may have been carried out all the same, it says so.
    pub(in crate::store) fn of_commit(error: DieselError) -> Self {
        let error = match error {
            DieselError::RollbackErrorOnCommit { commit_error, .. } => *commit_error,
            error => error,
        };
        match Self::from(error) {
            Self::Lost(why) => Self::Uncertain(why),
            // What was written may reach the disk after all, and be there after the next start.
            Self::Unavailable(why) if why.contains(IO_ERROR) => Self::Uncertain(why),
            error => error,
        }
    }

    /// The same as the rest of the server has to know it.
    pub(in crate::store) fn settled(self) -> Self {
        match self {
            Self::Lost(why) | Self::Undone(why) => Self::Unavailable(why),
            settled => settled,
        }
    }
}

impl From<crate::domain::NoRandomness> for StoreError {
    fn from(error: crate::domain::NoRandomness) -> Self {
        Self::Internal(error.to_string())
    }
}

// Diesel gives these conditions no kind of their own; the engines' words are all there is.

const IO_ERROR: &str = "disk I/O error";

const UNDONE: &[&str] = &["deadlock detected"];

const LOST: &[&str] = &[
    "server closed the connection",
    "terminating connection",
    "no connection to the server",
    "connection to server",
    "could not receive data",
    "could not send data",
    "SSL connection has been closed",
    "the database system is",
    // Of pgbouncer.
    "server conn crashed",
    "server login has been failing",
    "pgbouncer cannot connect to server",
    "query_wait_timeout",
];

const PASSING: &[&str] = &[
    "database is locked",
    "database table is locked",
    "disk is full",
    IO_ERROR,
    "statement timeout",
    "lock timeout",
    "too many clients",
    "No space left",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str) -> DieselError {
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()))
    }

    #[test]
    fn a_commit_that_may_have_been_carried_out_is_uncertain_also_where_undoing_it_failed_too() {
        let lost = || told("server closed the connection unexpectedly");
        let both = DieselError::RollbackErrorOnCommit {
            rollback_error: Box::new(lost()),
            commit_error: Box::new(lost()),
        };
        for error in [lost(), both, told("disk I/O error")] {
            assert!(matches!(StoreError::of_commit(error), StoreError::Uncertain(_)));
        }
        assert!(matches!(
            StoreError::of_commit(told("database or disk is full")),
            StoreError::Unavailable(_)
        ));
        assert!(StoreError::of_commit(told("deadlock detected")).is_transient());
    }

    #[test]
    fn what_broke_before_the_commit_can_be_done_again() {
        assert!(StoreError::from(told("terminating connection due to administrator command")).is_transient());
        assert!(!StoreError::from(told("canceling statement due to statement timeout")).is_transient());
        assert!(matches!(StoreError::from(told("division by zero")), StoreError::Internal(_)));
    }
}
