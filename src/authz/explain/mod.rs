//! Why a decision is what it is: the rule, what it went by, the step that decided, and what would
//! have been enough. The steps are those of the decision itself ([`Rule::lets`]); here they only
//! get words.

mod question;
mod words;

use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Subject;
use super::resource::{OwnerFrom, Resource};
use super::roles::Vocabulary;
use super::rule::{Reason, Rule};
use crate::domain::UserId;

pub use question::{HypotheticalCaller, Preview};
use words::{any_way, carried, enough, names, state};

/// Why a decision is what it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// Whether the caller is let in; null where whoever asks may not know of the record.
    #[schema(required = true, examples(false))]
    pub allowed: Option<bool>,
    /// Of a refusal: the code that the caller is told.
    #[schema(required = true, examples("not-owner"))]
    pub reason: Option<String>,
    /// The rule: what is done to what kind of record. None where everybody is let in.
    #[schema(required = true, examples("read user"))]
    pub rule: Option<String>,
    /// Who calls: `user:<id>`, `client:<id>`, or null for nobody.
    #[schema(required = true, examples("user:019ab1f7-2b11-7c90-8a4f-d3e5f7091b2c"))]
    pub caller: Option<String>,
    /// What the token carries.
    #[schema(examples("users:read"))]
    pub scope: Vec<String>,
    /// The roles that the user has.
    #[schema(examples("user"))]
    pub roles: Vec<String>,
    /// The record, where the path names one.
    #[schema(required = true, examples("019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17"))]
    pub record: Option<String>,
    /// Whose it is, where that is known and whoever asks may know it.
    #[schema(required = true, examples("019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17"))]
    pub owner: Option<String>,
    /// The steps, in their order.
    pub steps: Vec<StepTaken>,
    /// The step that decided against the caller.
    #[schema(required = true, examples("owner"))]
    pub decided_by: Option<String>,
    /// What would have been enough at that step, each by itself.
    #[schema(examples("a token with the scope users:read:any"))]
    pub enough: Vec<String>,
}

/// A step of a decision.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StepTaken {
    /// `token`, `scope`, `owner`, `existence`, `state` or `rank`.
    #[schema(value_type = String, examples("owner"))]
    pub step: &'static str,
    /// What is asked.
    #[schema(value_type = String, examples("Is the record the caller's, or one that they reach otherwise?"))]
    pub question: &'static str,
    /// How it went.
    pub outcome: StepOutcome,
    /// Why.
    #[schema(examples("the record is another user's"))]
    pub because: String,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// It lets the caller.
    Passed,
    /// It decided against the caller.
    Failed,
    /// It was not taken.
    NotReached,
    /// Whoever asks may not know.
    NotTold,
}

const TOKEN: (&str, &str) = ("token", "Is there an acceptable access token?");
const SCOPE: (&str, &str) = ("scope", "Does the token carry a scope of the rule?");
const OWNER: (&str, &str) = ("owner", "Is the record the caller's, or one that they reach otherwise?");
const EXISTENCE: (&str, &str) = ("existence", "Is there such a record?");
const STATE: (&str, &str) = ("state", "Is the record in the state that the rule asks for?");
const RANK: (&str, &str) = ("rank", "Has the caller every power over others that goes with the record?");
const ALL: [(&str, &str); 6] = [TOKEN, SCOPE, OWNER, EXISTENCE, STATE, RANK];

impl Explanation {
    fn empty() -> Self {
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
        }
    }

    /// Of a route that lets everybody in.
    pub fn open_to_everybody(who: Option<&HypotheticalCaller>) -> Self {
        Self { allowed: Some(true), ..Self::empty() }.by(who)
    }

    /// Of a route that asks for an acceptable token and nothing else.
    pub fn by_any_token(who: Option<&HypotheticalCaller>) -> Self {
        match who {
            Some(_) => Self { allowed: Some(true), ..Self::empty() }.by(who).step(TOKEN, "it is"),
            None => Self::without_token(None),
        }
    }

    /// Of a route that asks for a client's own credentials, whatever token comes along.
    pub fn by_client_authentication(who: Option<&HypotheticalCaller>) -> Self {
        let because = "the route asks a client to prove who it is (RFC 6749 §2.3), and takes no access token";
        let enough = vec!["a client's own credentials".to_owned()];
        Self::empty().by(who).refused("invalid-client", TOKEN, because.to_owned(), enough)
    }

    /// Of nobody, where somebody must be.
    pub fn without_token(rule: Option<&Rule>) -> Self {
        let enough = any_way(rule);
        let because = "no access token was sent".to_owned();
        Self::empty().on(rule).refused("unauthenticated", TOKEN, because, enough)
    }

    /// Of somebody whose token is not acceptable.
    pub fn not_acceptable(rule: Option<&Rule>, reason: &str) -> Self {
        let enough = vec!["an access token that is acceptable".to_owned()];
        Self::empty().on(rule).refused("invalid-token", TOKEN, reason.to_owned(), enough)
    }

    /// Of a decision that was made, as the audit trail remembers it.
    pub fn remembered(rule: Option<&Rule>, reason: &str, scope: &str, vocabulary: &Vocabulary) -> Self {
        let by_reason = |known: &Reason| known.as_str() == reason;
        let Some(reason) = Reason::ALL.into_iter().find(by_reason) else {
            return Self::not_acceptable(rule, reason);
        };
        let told = Self::empty().on(rule).step(TOKEN, "it was");
        let Some(rule) = rule else {
            let because = "the route is gone since, or has another rule".to_owned();
            return told.refused(reason.as_str(), step_of(reason), because, Vec::new());
        };
        let carried = carried(rule, &vocabulary.scopes_in(scope));
        let because = match reason {
            Reason::InsufficientScope => format!("it carried none of {}", names(rule)),
            Reason::NotOwner => "it was not theirs, nor one that they reached otherwise".to_owned(),
            Reason::NotFound => {
                "there was no such record, or none that they may know of: both are answered alike. Ask in \
                 advance for the same caller and path to learn which"
                    .to_owned()
            }
            Reason::WrongState => format!("it was not {}", state(rule)),
            Reason::AboveCaller => "the record's powers were more than the caller's".to_owned(),
        };
        let told = match reason {
            Reason::InsufficientScope => told,
            Reason::NotOwner | Reason::NotFound => told.step(SCOPE, carried),
            Reason::WrongState => {
                told.step(SCOPE, carried).step(OWNER, "it was").step(EXISTENCE, "there was")
            }
            Reason::AboveCaller => told
                .step(SCOPE, carried)
                .step(OWNER, "it was")
                .step(EXISTENCE, "there was")
                .step(STATE, "it was"),
        };
        told.refused(reason.as_str(), step_of(reason), because, enough(rule, reason, vocabulary))
    }

    fn on(mut self, rule: Option<&Rule>) -> Self {
        self.rule = rule.map(|rule| format!("{} {}", rule.action, rule.resource));
        self
    }

    fn by(mut self, who: Option<&HypotheticalCaller>) -> Self {
        let Some(caller) = who.map(HypotheticalCaller::caller) else { return self };
        self.scope = caller.scope().iter().map(|scope| scope.to_string()).collect();
        self.caller = Some(caller.subject().actor());
        if let Subject::User { roles, .. } = caller.subject() {
            self.roles = roles.iter().map(ToString::to_string).collect();
        }
        self
    }

    fn step(mut self, (step, question): (&'static str, &'static str), because: impl Into<String>) -> Self {
        let because = because.into();
        self.steps.push(StepTaken { step, question, outcome: StepOutcome::Passed, because });
        self
    }

    fn refused(
        mut self,
        told: &str,
        (step, question): (&'static str, &'static str),
        because: String,
        enough: Vec<String>,
    ) -> Self {
        self.steps.push(StepTaken { step, question, outcome: StepOutcome::Failed, because });
        self.rest(StepOutcome::NotReached, "");
        Self {
            allowed: Some(false),
            reason: Some(told.to_owned()),
            decided_by: Some(step.to_owned()),
            enough,
            ..self
        }
    }

    /// The steps that were not taken.
    fn rest(&mut self, outcome: StepOutcome, because: &str) {
        let taken = |name: &str| self.steps.iter().any(|taken| taken.step == name);
        let rest: Vec<StepTaken> = ALL
            .into_iter()
            .filter(|(step, _)| !taken(step))
            .map(|(step, question)| StepTaken { step, question, outcome, because: because.to_owned() })
            .collect();
        self.steps.extend(rest);
    }
}

fn step_of(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::InsufficientScope => SCOPE,
        Reason::NotOwner => OWNER,
        Reason::NotFound => EXISTENCE,
        Reason::WrongState => STATE,
        Reason::AboveCaller => RANK,
    }
}

/// Explanations are nobody's records: who may ask for them reads everyone's.
impl Resource for Explanation {
    type Id = String;
    const NAME: &'static str = "decision";
    const OWNER: OwnerFrom = OwnerFrom::Nobody;

    fn id(&self) -> String {
        self.record.clone().unwrap_or_default()
    }

    fn owner(&self) -> Option<UserId> {
        None
    }
}
