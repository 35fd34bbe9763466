//! Decision of the evaluation routes. The body names the subject, so the handler checks it once the body is read.

use super::authzen_evaluator::subject_of;
use super::authzen_request::Parts;
use super::explain::dry_run::NamedCaller;
use crate::authz::action::Evaluate;
use crate::authz::{Explanation, Reach, Refusal, Rule};
use crate::domain::UserId;
use crate::http::kit::{Access, Call, Closed, Decision, DryRun, Problem};
use crate::store::StoreError;

/// Proof that the caller may ask about some subject.
#[must_use = "a proof must be used"]
pub struct EvaluationReach(Reach<Explanation, Evaluate>);

impl EvaluationReach {
    /// Returns the proof that the caller may ask about the subject of each of these requests.
    ///
    /// # Errors
    /// [`Reason::NotOwner`](crate::authz::Reason::NotOwner) for a subject that is not the caller.
    pub(super) fn for_subjects_of(self, requests: &[Parts]) -> Result<Reach<Explanation, Evaluate>, Refusal> {
        requests.iter().try_for_each(|request| self.0.admit_subject(user_of(request)))?;
        Ok(self.0)
    }
}

/// Returns the user whom a request names by the id.
fn user_of(request: &Parts) -> Option<UserId> {
    match subject_of(request.subject.as_ref())? {
        NamedCaller::User { user, .. } => user.parse().ok(),
        _ => None,
    }
}

impl Closed for EvaluationReach {}

impl Decision for EvaluationReach {
    fn access() -> Access {
        Access::CollectionOf(Rule::of::<Explanation, Evaluate>())
    }

    async fn decide(call: &mut Call) -> Result<Self, Problem> {
        Reach::decide(call).await.map(Self)
    }

    async fn dry_run(inputs: &DryRun<'_>) -> Result<Explanation, StoreError> {
        Reach::<Explanation, Evaluate>::dry_run(inputs).await
    }
}
