//! Findings of a check.

use super::super::client::Answer;
use super::super::{Outcome, VerifyError};

/// Reason for which a check does not apply.
const NOTHING_TO_TRY: &str = "no route of this server has what it looks at";

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

/// Record of what a check has tried and found.
#[derive(Default)]
pub(in crate::qa::verify) struct Findings {
    differences: Vec<String>,
    /// Number of facts that were looked at.
    tried: usize,
    /// Routes that the check could not look at, with the reasons.
    left_out: Vec<String>,
}

impl Findings {
    /// Adds a difference.
    pub(super) fn add(&mut self, difference: impl Into<String>) {
        self.differences.push(difference.into());
    }

    /// Notes a route, or a part of one, that the check cannot look at on this server.
    pub(super) fn leave_out(&mut self, what: &str, why: &str) {
        self.left_out.push(format!("{what}: {why}"));
    }

    /// Expects this answer: the status, and the code of an error. `what` names the request.
    pub(super) fn expect(&mut self, what: &str, answer: &Answer, expected: &str) {
        self.tried += 1;
        let told = answer.summary();
        if told != expected {
            self.add(format!("{what} gets {told}; the rule says {expected}"));
        }
    }

    /// Expects a fact. `otherwise` says what is the case instead.
    pub(super) fn must(&mut self, holds: bool, otherwise: impl Into<String>) {
        self.tried += 1;
        if !holds {
            self.add(otherwise);
        }
    }

    /// Returns the outcome of the check. A check that looked at nothing has none.
    pub(super) fn outcome(self) -> Outcome {
        match (self.differences.is_empty(), self.left_out.is_empty()) {
            (false, _) => Outcome::Different(self.differences),
            (true, false) => Outcome::NotTried(self.left_out.join("; ")),
            (true, true) if self.tried == 0 => Outcome::DoesNotApply(NOTHING_TO_TRY.to_owned()),
            (true, true) => Outcome::AsExpected,
        }
    }
}
