//! Output: the result goes to standard output, errors go to standard error.

use std::io::{ErrorKind, Write as _};

use serde_json::Value;

use crate::accounts::AccountError;
use crate::authz::{Reason, Refusal};
use crate::config::Faults;
use crate::domain::NoRandomness;
use crate::hashing::{HashError, InvalidCost};
use crate::store::StoreError;

/// Reason for which a command ends early.
#[derive(Debug)]
pub(super) enum Failure {
    /// Errors, one line each, with what to do.
    Errors(Vec<String>),
    /// The reader has closed standard output. This is not an error.
    OutputClosed,
}

impl Failure {
    pub(super) fn new(line: impl Into<String>) -> Self {
        Self::Errors(vec![line.into()])
    }
}

/// Prints the result, or a part of it.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Failure::new(format!("the result cannot be written: {error}")),
    })
}

/// Prints the result for a program.
pub(super) fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// Prints errors, one line each. The message of a database can have several lines; they are joined.
pub(super) fn print_errors(lines: &[String]) {
    let mut err = std::io::stderr().lock();
    for line in lines {
        let plain: String = line.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        // When standard error is closed, only the exit code is left.
        let _ = writeln!(err, "error: {plain}");
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Errors(faults.iter().map(ToString::to_string).collect())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(match error {
            StoreError::Unavailable(_) | StoreError::Lost(_) | StoreError::RolledBack(_) => {
                format!("{}; check DATABASE_URL, or try again", error.to_string().trim_end())
            }
            StoreError::LastAdmin => "this is the last active administrator; create another one first: \
                 cloakroom users create --email you@example.com --role admin"
                .to_owned(),
            StoreError::Changed => "it was changed or removed in the meantime; try again".to_owned(),
            StoreError::Uncertain(_)
            | StoreError::Taken
            | StoreError::ExternalIdTaken
            | StoreError::InUse
            | StoreError::Repeated
            | StoreError::ReadOnly(_)
            | StoreError::ProofUsed
            | StoreError::TooManyProofs
            | StoreError::AssertionUsed
            | StoreError::Revoked(_)
            | StoreError::LeaseLost
            | StoreError::Internal(_) => error.to_string(),
        })
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (action, resource) = (refusal.rule.action, refusal.rule.resource);
        Self::new(match refusal.reason {
            Reason::NotFound => format!("there is no such {resource}; see cloakroom {resource}s list"),
            _ => format!("the policy does not allow even the operator to {action} this {resource}"),
        })
    }
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Store(error) => error.into(),
            error => Self::new(error.to_string()),
        }
    }
}

impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<InvalidCost> for Failure {
    fn from(error: InvalidCost) -> Self {
        Self::new(format!("CLOAKROOM_ARGON2 is out of range: {error}"))
    }
}

impl From<NoRandomness> for Failure {
    fn from(error: NoRandomness) -> Self {
        Self::new(error.to_string())
    }
}
