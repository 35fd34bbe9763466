//! Explanation: the representation of a decision with its steps.

use serde::Serialize;
use utoipa::ToSchema;

use super::wording::{STALE, Wording, any_clause, carried_before, lacked, not_carried};
use crate::authz::action::{Evaluate, Explain, List};
use crate::authz::{
    AuditTrail, Breadth, HypotheticalCaller, OwnerFrom, Reach, Reason, Refusal, Resource, Rule, Subject,
    Vocabulary, user_of,
};
use crate::domain::UserId;

/// Explanation of a decision.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// True when the request is allowed. Null when you may not know about the record.
    #[schema(required = true, examples(false))]
    pub allowed: Option<bool>,
    /// For a refusal: the code in the answer.
    #[schema(required = true, examples("not-owner"))]
    pub reason: Option<String>,
    /// Rule: the action and the kind of record. Null for a route that is open to everybody.
    #[schema(required = true, examples("read user"))]
    pub rule: Option<String>,
    /// Caller: `user:<id>`, `client:<id>`, or null without a token.
    #[schema(required = true, examples("user:019ab1f7-2b11-7c90-8a4f-d3e5f7091b2c"))]
    pub caller: Option<String>,
    /// Scopes of the token.
    #[schema(examples("users:read"))]
    pub scope: Vec<String>,
    /// Roles of the user.
    #[schema(examples("user"))]
    pub roles: Vec<String>,
    /// Id of the record, if the path names one.
    #[schema(required = true, examples("019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17"))]
    pub record: Option<String>,
    /// Owner of the record, if known and if you may know it.
    #[schema(required = true, examples("019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17"))]
    pub owner: Option<String>,
    /// Steps, in their order.
    pub steps: Vec<StepTaken>,
    /// Step that refused the request.
    #[schema(required = true, examples("owner"))]
    pub decided_by: Option<String>,
    /// Alternatives, each of which would have passed that step.
    #[schema(examples("a token with the scope users:read:any"))]
    pub enough: Vec<String>,
    /// Set for a rule with `fresh`. Other explanations leave that step out.
    #[serde(skip)]
    is_fresh_rule: bool,
}

/// Step of a decision.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StepTaken {
    /// `token`, `scope`, `freshness`, `owner`, `existence`, `state` or `rank`.
    #[schema(value_type = String, examples("owner"))]
    pub step: &'static str,
    /// Question that the step answers.
    #[schema(value_type = String, examples("Does the caller own the record, or reach it in another way?"))]
    pub question: &'static str,
    /// Outcome.
    pub outcome: StepOutcome,
    /// Cause of the outcome.
    #[schema(examples("the record belongs to another user"))]
    pub because: String,
}

/// Outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// The step passed.
    Passed,
    /// The step refused the request.
    Failed,
    /// An earlier step had refused the request.
    NotReached,
    /// You may not know about the record.
    NotTold,
}

/// Name of a step, and the question that it answers.
pub(super) type StepText = (&'static str, &'static str);

pub(super) const TOKEN: StepText = ("token", "Is there an acceptable access token?");
pub(super) const SCOPE: StepText = ("scope", "Does the token carry a scope of the rule?");
pub(super) const FRESHNESS: StepText =
    ("freshness", "Did the caller's user authenticate as recently as the rule requires?");
pub(super) const OWNER: StepText = ("owner", "Does the caller own the record, or reach it in another way?");
pub(super) const EXISTENCE: StepText = ("existence", "Does the record exist?");
pub(super) const STATE: StepText = ("state", "Is the record in the state that the rule requires?");
pub(super) const RANK: StepText =
    ("rank", "Does the caller have every power over others that the record has?");
const ALL: [StepText; 7] = [TOKEN, SCOPE, FRESHNESS, OWNER, EXISTENCE, STATE, RANK];

/// Returns the step that refuses with this reason.
pub(super) fn step_of(reason: Reason) -> StepText {
    match reason {
        Reason::InsufficientScope => SCOPE,
        Reason::Stale => FRESHNESS,
        Reason::NotOwner => OWNER,
        Reason::NotFound => EXISTENCE,
        Reason::WrongState => STATE,
        Reason::AboveCaller => RANK,
    }
}

impl Explanation {
    pub(super) fn empty() -> Self {
        Self {
            allowed: None,
            reason: None,
            rule: None,
            caller: None,
            scope: Vec::new(),
            roles: Vec::new(),
            record: None,
            owner: None,
            steps: Vec::new(),
            decided_by: None,
            enough: Vec::new(),
            is_fresh_rule: false,
        }
    }

    /// Explains a route that is open to everybody.
    pub fn open_to_everybody(caller: Option<&HypotheticalCaller>) -> Self {
        Self::empty().by(caller).allowed()
    }

    /// Explains a route that requires an acceptable token and nothing else.
    pub fn by_any_token(caller: Option<&HypotheticalCaller>) -> Self {
        match caller {
            Some(_) => Self::empty().by(caller).passed(TOKEN, "the token is acceptable").allowed(),
            None => Self::without_token(None),
        }
    }

    /// Explains a route that requires a client's own credentials. No access token opens it.
    pub fn by_client_authentication(caller: Option<&HypotheticalCaller>) -> Self {
        let because = "the route requires client authentication (RFC 6749 §2.3) and accepts no access token";
        let enough = vec!["a client's own credentials".to_owned()];
        Self::empty().by(caller).refused("invalid-client", TOKEN, because.to_owned(), enough)
    }

    /// Explains a request without a token on a route that requires one.
    pub fn without_token(rule: Option<&Rule>) -> Self {
        let because = "the request has no access token".to_owned();
        Self::empty().on(rule).refused("unauthenticated", TOKEN, because, any_clause(rule))
    }

    /// Explains a token that is not acceptable.
    pub fn not_acceptable(rule: Option<&Rule>, reason: &str) -> Self {
        let enough = vec!["an acceptable access token".to_owned()];
        Self::empty().on(rule).refused("invalid-token", TOKEN, reason.to_owned(), enough)
    }

    /// Explains a past decision, from its entry in the audit trail.
    pub fn remembered(
        rule: Option<&Rule>,
        reason: &str,
        scope: &str,
        roles: &[String],
        vocabulary: &Vocabulary,
    ) -> Self {
        let by_reason = |known: &Reason| known.as_str() == reason;
        let Some(reason) = Reason::ALL.into_iter().find(by_reason) else {
            return Self::not_acceptable(rule, reason);
        };
        let explanation = Self::empty().on(rule).passed(TOKEN, "the token was acceptable");
        let Some(rule) = rule else {
            let because = "the route no longer exists, or has another rule now".to_owned();
            return explanation.refused(reason.as_str(), step_of(reason), because, Vec::new());
        };
        let wording = Wording { rule, vocabulary };
        let passed = [
            (SCOPE, carried_before(rule, &vocabulary.scopes_in(scope))),
            (FRESHNESS, "the authentication was recent enough".to_owned()),
            (OWNER, "the caller reached the record".to_owned()),
            (EXISTENCE, "the record existed".to_owned()),
            (STATE, "the record was in that state".to_owned()),
        ];
        let (count, because) = match reason {
            Reason::InsufficientScope => (0, not_carried(rule)),
            Reason::Stale => (1, STALE.to_owned()),
            Reason::NotOwner => {
                (2, "the caller did not own the record and did not reach it in another way".to_owned())
            }
            Reason::NotFound => (
                2,
                "the record did not exist, or the caller must not learn that it exists: both get the same answer. \
                 Ask in advance for the same caller and path to learn which"
                    .to_owned(),
            ),
            Reason::WrongState => (4, format!("the record was not {}", wording.state())),
            Reason::AboveCaller => (5, lacked(roles, &vocabulary.scopes_in(scope), vocabulary)),
        };
        let is_fresh_rule = explanation.is_fresh_rule;
        let steps = passed.into_iter().take(count).filter(|(step, _)| *step != FRESHNESS || is_fresh_rule);
        let explanation = steps.fold(explanation, |so_far, (step, because)| so_far.passed(step, because));
        explanation.refused(reason.as_str(), step_of(reason), because, wording.enough(reason))
    }

    pub(super) fn allowed(self) -> Self {
        Self { allowed: Some(true), ..self }
    }

    pub(super) fn on(mut self, rule: Option<&Rule>) -> Self {
        self.is_fresh_rule = rule.is_some_and(|rule| rule.condition.needs_freshness());
        self.rule = rule.map(|rule| format!("{} {}", rule.action, rule.resource));
        self
    }

    pub(super) fn by(mut self, caller: Option<&HypotheticalCaller>) -> Self {
        let Some(caller) = caller.map(HypotheticalCaller::caller) else { return self };
        self.scope = caller.scope().iter().map(|scope| scope.to_string()).collect();
        self.caller = Some(caller.subject().actor());
        if let Subject::User { roles, .. } = caller.subject() {
            self.roles = roles.iter().map(ToString::to_string).collect();
        }
        self
    }

    pub(super) fn passed(mut self, (step, question): StepText, because: impl Into<String>) -> Self {
        let because = because.into();
        self.steps.push(StepTaken { step, question, outcome: StepOutcome::Passed, because });
        self
    }

    pub(super) fn refused(
        mut self,
        code: &str,
        (step, question): StepText,
        because: String,
        enough: Vec<String>,
    ) -> Self {
        self.steps.push(StepTaken { step, question, outcome: StepOutcome::Failed, because });
        Self {
            allowed: Some(false),
            reason: Some(code.to_owned()),
            decided_by: Some(step.to_owned()),
            enough,
            ..self.with_the_rest(StepOutcome::NotReached, "")
        }
    }

    /// Adds the steps that were not taken.
    pub(super) fn with_the_rest(mut self, outcome: StepOutcome, because: &str) -> Self {
        let taken = |name: &str| self.steps.iter().any(|taken| taken.step == name);
        let rest: Vec<StepTaken> = ALL
            .into_iter()
            .filter(|step| (*step != FRESHNESS || self.is_fresh_rule) && !taken(step.0))
            .map(|(step, question)| StepTaken { step, question, outcome, because: because.to_owned() })
            .collect();
        self.steps.extend(rest);
        self
    }
}

/// The owner of an explanation is its subject: the user about whom the body asks.
impl Resource for Explanation {
    type Id = String;
    const NAME: &'static str = "decision";
    const OWNER: OwnerFrom = OwnerFrom::Body;

    fn id(&self) -> String {
        self.record.clone().unwrap_or_default()
    }

    fn owner(&self) -> Option<UserId> {
        self.caller.as_deref().and_then(user_of)
    }
}

impl Reach<Explanation, Explain> {
    /// True when the caller may also read the audit trail, whose entries name other users.
    pub fn may_read_audit_trail(&self) -> bool {
        self.by().reach::<AuditTrail, List>().is_ok()
    }
}

impl Reach<Explanation, Evaluate> {
    /// True when the caller may ask about every subject. Such a caller is told the reasons too.
    pub(crate) fn includes_everyone(&self) -> bool {
        self.breadth() == Breadth::Everyone
    }

    /// Checks that the caller may ask about this subject. `None` for a subject that is not the id of a user.
    ///
    /// # Errors
    /// [`Reason::NotOwner`].
    pub(crate) fn admit_subject(&self, subject: Option<UserId>) -> Result<(), Refusal> {
        match subject {
            Some(user) => self.admit_owner(user),
            None if self.includes_everyone() => Ok(()),
            None => Err(self.no_own_record()),
        }
    }
}
