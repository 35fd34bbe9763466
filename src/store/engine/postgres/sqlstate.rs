//! Errors of the server. Each has a SQLSTATE, a code of five characters that no language setting of the server
//! changes (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use tokio_postgres::Error as DriverError;
use tokio_postgres::error::DbError;

/// SQLSTATE of a write in a read-only transaction, as an error's text begins with it.
pub(in crate::store) const READ_ONLY: &str = "25006: ";

/// Meaning of a SQLSTATE for the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum SqlState {
    /// The transaction was rolled back because of a conflict with another.
    RolledBack,
    /// The connection ended, or leads to a server that is starting, stopping or a standby.
    Lost,
    /// A timeout, a cancelled statement, or a resource that is exhausted.
    Temporary,
    /// Any other error.
    Other,
}

impl SqlState {
    /// Returns the meaning of an error whose message begins with its SQLSTATE, as that of [`diesel_error`] does.
    /// Returns none for another engine's message.
    pub(in crate::store) fn of_message(message: &str) -> Option<Self> {
        let (code, _) = message.split_once(": ")?;
        let is_code =
            code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        is_code.then(|| Self::of_code(code))
    }

    fn of_code(code: &str) -> Self {
        match code {
            // serialization_failure, deadlock_detected
            "40001" | "40P01" => Self::RolledBack,
            // admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout;
            // read_only_sql_transaction, idle_in_transaction_session_timeout;
            // invalid_sql_statement_name: the server does not know a statement that it prepared
            "57P01" | "57P02" | "57P03" | "57P05" | "25006" | "25P03" | "26000" => Self::Lost,
            // lock_not_available, query_canceled, io_error
            "55P03" | "57014" | "58030" => Self::Temporary,
            // Class 08: connection exceptions, also those that pgbouncer reports.
            code if code.starts_with("08") => Self::Lost,
            // Class 53: insufficient resources.
            code if code.starts_with("53") => Self::Temporary,
            _ => Self::Other,
        }
    }
}

/// Converts an error of the driver. The message of a server's error begins with its SQLSTATE: diesel has no place
/// of its own for it.
pub(super) fn diesel_error(error: &DriverError) -> DieselError {
    match error.as_db_error() {
        Some(error) => DieselError::DatabaseError(kind(error), Box::new(ServerError::of(error))),
        None => lost(describe(error)),
    }
}

/// Returns the error of a connection that broke.
pub(super) fn lost(why: impl Into<String>) -> DieselError {
    DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(why.into()))
}

/// Returns an error's text: that of the server with its SQLSTATE, or that of the driver with its cause.
pub(super) fn describe(error: &DriverError) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(error), _) => format!("{}: {}", error.code().code(), error.message()),
        (None, Some(cause)) if !error.to_string().contains(&cause.to_string()) => format!("{error}: {cause}"),
        (None, _) => error.to_string(),
    }
}

/// Function of the server that reports that a migration changed the columns of a prepared statement. Its SQLSTATE is
/// that of any feature which is not supported.
const OUTDATED_STATEMENT: &str = "RevalidateCachedQuery";

fn kind(error: &DbError) -> DatabaseErrorKind {
    match error.code().code() {
        // Only a new connection prepares the statement again.
        "0A000" if error.routine() == Some(OUTDATED_STATEMENT) => DatabaseErrorKind::ClosedConnection,
        "23505" => DatabaseErrorKind::UniqueViolation,
        "23503" => DatabaseErrorKind::ForeignKeyViolation,
        "23001" => DatabaseErrorKind::RestrictViolation,
        "23502" => DatabaseErrorKind::NotNullViolation,
        "23514" => DatabaseErrorKind::CheckViolation,
        "23P01" => DatabaseErrorKind::ExclusionViolation,
        "40001" => DatabaseErrorKind::SerializationFailure,
        "25006" => DatabaseErrorKind::ReadOnlyTransaction,
        _ => DatabaseErrorKind::Unknown,
    }
}

/// A server's error, for diesel.
struct ServerError {
    message: String,
    error: DbError,
}

impl ServerError {
    fn of(error: &DbError) -> Self {
        Self { message: format!("{}: {}", error.code().code(), error.message()), error: error.clone() }
    }
}

impl DatabaseErrorInformation for ServerError {
    fn message(&self) -> &str {
        &self.message
    }

    fn details(&self) -> Option<&str> {
        self.error.detail()
    }

    fn hint(&self) -> Option<&str> {
        self.error.hint()
    }

    fn table_name(&self) -> Option<&str> {
        self.error.table()
    }

    fn column_name(&self) -> Option<&str> {
        self.error.column()
    }

    fn constraint_name(&self) -> Option<&str> {
        self.error.constraint()
    }

    fn statement_position(&self) -> Option<i32> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::SqlState;

    #[test]
    fn knows_a_state_in_any_language() {
        for (message, expected) in [
            ("40P01: Verklemmung entdeckt", Some(SqlState::RolledBack)),
            ("55P03: storniere Anfrage wegen Zeitüberschreitung der Sperre", Some(SqlState::Temporary)),
            ("57P01: Verbindung wird abgebrochen", Some(SqlState::Lost)),
            ("53300: tut mir leid, schon zu viele Verbindungen", Some(SqlState::Temporary)),
            ("08P01: pgbouncer cannot connect to server", Some(SqlState::Lost)),
            ("26000: vorbereiteter Befehl »s7« existiert nicht", Some(SqlState::Lost)),
            ("22012: Division durch Null", Some(SqlState::Other)),
            ("database is locked", None),
            ("error: 40P01: deadlock detected", None),
        ] {
            assert_eq!(SqlState::of_message(message), expected, "{message}");
        }
    }
}
