//! Findings of a check.

use super::super::VerifyError;
use super::super::client::Answer;

/// Result of a check: an error ends it before its end.
pub(in crate::qa::verify) type Checked = Result<(), Stopped>;

/// Reason for which a check ended before its end.
pub(in crate::qa::verify) enum Stopped {
    /// The rest cannot be tried on this server.
    Untried(String),
    /// A request that must succeed did not.
    Failed(VerifyError),
}

impl Stopped {
    /// Returns the reason for which the rest is not tried.
    pub(super) fn untried(reason: &str) -> Self {
        Self::Untried(reason.to_owned())
    }
}

impl From<VerifyError> for Stopped {
    fn from(error: VerifyError) -> Self {
        Self::Failed(error)
    }
}

/// Differences from the rule that a check has found.
#[derive(Default)]
pub(in crate::qa::verify) struct Findings(Vec<String>);

impl Findings {
    /// Adds a difference.
    pub(super) fn add(&mut self, difference: impl Into<String>) {
        self.0.push(difference.into());
    }

    /// Expects this answer: the status, and the code of an error. `what` names the request.
    pub(super) fn expect(&mut self, what: &str, answer: &Answer, expected: &str) {
        let told = answer.summary();
        if told != expected {
            self.add(format!("{what} gets {told}; the rule says {expected}"));
        }
    }

    /// Expects a fact. `otherwise` says what is the case instead.
    pub(super) fn must(&mut self, holds: bool, otherwise: impl Into<String>) {
        if !holds {
            self.add(otherwise);
        }
    }

    pub(super) fn into_differences(self) -> Vec<String> {
        self.0
    }
}
