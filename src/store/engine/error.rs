//! Errors of the store.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::postgres::SqlState;
use crate::authz::{AuditEvent, Outcome};

/// Error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is not available, busy or full. Nothing changed; a later attempt may succeed.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The connection broke, or led to a read-only server. Nothing changed. Outside the store it is
    /// [`StoreError::Unavailable`].
    #[error("the connection to the database is lost: {0}")]
    Lost(String),
    /// The database rolled the transaction back because of a conflict with another. Outside the store it is
    /// [`StoreError::Unavailable`].
    #[error("the database rolled the transaction back: {0}")]
    RolledBack(String),
    /// The connection broke during the commit. The change may or may not be committed.
    #[error("the change may or may not be committed: {0}")]
    Uncertain(String),
    /// The e-mail, or the client id, belongs to another record.
    #[error("the e-mail or the id is taken")]
    Taken,
    /// The external id belongs to another user.
    #[error("the external id is taken")]
    ExternalIdTaken,
    /// The record was changed or deleted after it was read.
    #[error("the record changed after it was read")]
    Changed,
    /// The change alters a member of the record that the caller may not write.
    #[error("the caller may not write {0}")]
    ReadOnly(&'static str),
    /// The account has a password, or its user has signed in.
    #[error("the account is in use")]
    InUse,
    /// The change would leave the server without an administrator.
    #[error("the last administrator must stay")]
    LastAdmin,
    /// Another request with the same idempotency key runs or has run.
    #[error("the request was already processed")]
    Repeated,
    /// The DPoP proof was used before.
    #[error("the proof was used before")]
    ProofUsed,
    /// The key has used as many DPoP proofs as may be stored for it.
    #[error("too many proofs were used")]
    TooManyProofs,
    /// The client assertion was used before, or the client has used as many as may be stored for it.
    #[error("the client assertion was used before, or too many were used")]
    AssertionUsed,
    /// The caller's token lost its effect after the decision: the user was suspended, deleted, demoted or
    /// logged out meanwhile, or the client was deleted. With the audit event of the refusal.
    #[error("the access token was revoked during the request")]
    Revoked(Box<AuditEvent>),
    /// The run of a job lost its lease: another run has claimed the job. Nothing changed.
    #[error("another run has claimed the job")]
    LeaseLost,
    /// A fault of the program or the database. The detail is for the log only.
    #[error("the store failed: {0}")]
    Internal(String),
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match &error {
            // PostgreSQL names the index. On SQLite, a look in the same transaction precedes the write.
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, detail)
                if detail.constraint_name() == Some("users_by_external_id") =>
            {
                Self::ExternalIdTaken
            }
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::Taken,
            // A record that this one belongs to was deleted meanwhile.
            DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => Self::Changed,
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => {
                Self::RolledBack(error.to_string())
            }
            DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            )
            | DieselError::BrokenTransactionManager => Self::Lost(error.to_string()),
            DieselError::DatabaseError(_, detail) => {
                let why = error.to_string();
                match SqlState::of_message(detail.message()) {
                    Some(SqlState::RolledBack) => Self::RolledBack(why),
                    Some(SqlState::Lost) => Self::Lost(why),
                    Some(SqlState::Temporary) => Self::Unavailable(why),
                    Some(SqlState::Other) => Self::Internal(why),
                    None if TEMPORARY_ON_SQLITE.iter().any(|words| why.contains(words)) => {
                        Self::Unavailable(why)
                    }
                    None => Self::Internal(why),
                }
            }
            _ => Self::Internal(error.to_string()),
        }
    }
}

impl StoreError {
    /// Returns the class of an error of the database, for the metrics. None for an outcome that a request can cause.
    pub(in crate::store) fn class(&self) -> Option<&'static str> {
        match self {
            Self::Unavailable(_) => Some("unavailable"),
            Self::Lost(_) => Some("lost"),
            Self::RolledBack(_) => Some("rolled-back"),
            Self::Uncertain(_) => Some("uncertain"),
            Self::Internal(_) => Some("internal"),
            Self::Taken
            | Self::ExternalIdTaken
            | Self::Changed
            | Self::ReadOnly(_)
            | Self::InUse
            | Self::LastAdmin
            | Self::Repeated
            | Self::ProofUsed
            | Self::TooManyProofs
            | Self::AssertionUsed
            | Self::Revoked(_)
            | Self::LeaseLost => None,
        }
    }

    /// Returns true when a retry is safe and may succeed.
    pub(in crate::store) fn is_transient(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::RolledBack(_))
    }

    /// Returns the error of a change by a caller whose token lost its effect. `event` is that of the change.
    pub(in crate::store) fn revoked(event: AuditEvent) -> Self {
        Self::Revoked(Box::new(AuditEvent { outcome: Outcome::NotAcceptable("revoked"), ..event }))
    }

    /// Converts the error of a commit: [`StoreError::Uncertain`] when the commit may have succeeded.
    pub(in crate::store) fn of_commit(error: DieselError) -> Self {
        let error = match error {
            DieselError::RollbackErrorOnCommit { commit_error, .. } => *commit_error,
            error => error,
        };
        match Self::from(error) {
            Self::Lost(why) => Self::Uncertain(why),
            // The write may still reach the disk, and be present after the next start.
            Self::Unavailable(why) if why.contains(IO_ERROR) => Self::Uncertain(why),
            error => error,
        }
    }

    /// Converts an error that only the store distinguishes to the one that callers see.
    pub(in crate::store) fn settled(self) -> Self {
        match self {
            Self::Lost(why) | Self::RolledBack(why) => Self::Unavailable(why),
            settled => settled,
        }
    }
}

impl From<crate::domain::NoRandomness> for StoreError {
    fn from(error: crate::domain::NoRandomness) -> Self {
        Self::Internal(error.to_string())
    }
}

// Diesel has no error kind for these conditions of SQLite, whose messages have one language.

const IO_ERROR: &str = "disk I/O error";

const TEMPORARY_ON_SQLITE: &[&str] =
    &["database is locked", "database table is locked", "disk is full", IO_ERROR];

#[cfg(test)]
mod tests {
    use super::*;

    fn error(message: &str) -> DieselError {
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()))
    }

    #[test]
    fn a_commit_that_may_have_succeeded_is_uncertain() {
        let lost = || error("57P01: terminating connection due to administrator command");
        let both = DieselError::RollbackErrorOnCommit {
            rollback_error: Box::new(lost()),
            commit_error: Box::new(lost()),
        };
        for error in [lost(), both, error("disk I/O error")] {
            assert!(matches!(StoreError::of_commit(error), StoreError::Uncertain(_)));
        }
        assert!(matches!(
            StoreError::of_commit(error("database or disk is full")),
            StoreError::Unavailable(_)
        ));
        assert!(StoreError::of_commit(error("40P01: Verklemmung entdeckt")).is_transient());
    }

    #[test]
    fn a_connection_lost_before_the_commit_is_transient() {
        assert!(StoreError::from(error("57P01: Verbindung wird abgebrochen")).is_transient());
        let late = StoreError::from(error("57014: storniere Anfrage wegen Zeitüberschreitung"));
        assert!(matches!(late, StoreError::Unavailable(_)));
        assert!(matches!(StoreError::from(error("22012: division by zero")), StoreError::Internal(_)));
    }
}
