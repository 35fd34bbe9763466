//! What leaves the process: the result on standard output, and what went wrong on standard error.

use std::io::{ErrorKind, Write as _};

use serde_json::Value;

use crate::authz::{Reason, Refusal};
use crate::config::Faults;
use crate::domain::NoRandomness;
use crate::hashing::{HashError, InvalidCost};
use crate::store::StoreError;

/// Why a command ends before it is done.
#[derive(Debug)]
pub(super) enum Failure {
    /// What is wrong and what to do, a line each.
    Said(Vec<String>),
    /// Whoever read the result has read enough.
    NobodyReads,
}

impl Failure {
    pub(super) fn new(line: impl Into<String>) -> Self {
        Self::Said(vec![line.into()])
    }
}

/// Writes the result, or a part of it.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::NobodyReads,
        _ => Failure::new(format!("the result cannot be written: {error}")),
    })
}

/// Writes the result for a program.
pub(super) fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// Says what went wrong. A database's own words may have several lines; here they have one.
pub(super) fn complain(lines: &[String]) {
    let mut err = std::io::stderr().lock();
    for line in lines {
        let plain: String = line.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        // Without a standard error the exit code has to do.
        let _ = writeln!(err, "error: {plain}");
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Self {
        Self::Said(faults.iter().map(ToString::to_string).collect())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(match error {
            StoreError::Unavailable(_) | StoreError::Lost(_) | StoreError::Undone(_) => {
                format!("{}; check DATABASE_URL, or try again", error.to_string().trim_end())
            }
            StoreError::LastAdmin => {
                "this is the last active administrator, who must stay; make another one \
                 first: cloakroom users create --email you@example.com --role admin"
                    .to_owned()
            }
            StoreError::Changed => "somebody else changed or removed it meanwhile; try again".to_owned(),
            StoreError::Uncertain(_) | StoreError::Taken | StoreError::Repeated | StoreError::Internal(_) => {
                error.to_string()
            }
        })
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let (action, resource) = (refusal.rule.action, refusal.rule.resource);
        Self::new(match refusal.reason {
            Reason::NotFound => format!("there is no such {resource}; see cloakroom {resource}s list"),
            _ => format!("the policy lets not even the operator {action} this {resource}"),
        })
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
