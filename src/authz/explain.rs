//! Why a decision is what it is: the rule, what it went by, the step that decided, and what would
//! have been enough. The steps are those of the decision itself ([`Rule::lets`]); here they only
//! get words.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::action::{Action, Read};
use super::caller::{Caller, Subject};
use super::decision::Sealed;
use super::relation::{Held, Relation};
use super::resource::{OwnerFrom, Resource};
use super::rule::{Facts, Reason, Rule, Step};
use super::scope::{Scope, ScopeSet};
use super::sight::Sight;
use super::vocabulary::Vocabulary;
use super::who::Can;
use crate::domain::{Role, UserId};

/// Why a decision is what it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// Whether the caller is let in; null where whoever asks may not know of the record.
    pub allowed: Option<bool>,
    /// Of a refusal: the code that the caller is told.
    pub reason: Option<String>,
    /// The rule: what is done to what kind of record. None where everybody is let in.
    pub rule: Option<String>,
    /// Who calls: `user:<id>`, `client:<id>`, or null for nobody.
    pub caller: Option<String>,
    /// What the token carries.
    pub scope: Vec<String>,
    /// The roles that the user has.
    pub roles: Vec<String>,
    /// The record, where the path names one.
    pub record: Option<String>,
    /// Whose it is, where that is known and whoever asks may know it.
    pub owner: Option<String>,
    /// The steps, in their order.
    pub steps: Vec<StepTaken>,
    /// The step that decided against the caller.
    pub decided_by: Option<String>,
    /// What would have been enough at that step, each by itself.
    pub enough: Vec<String>,
}

/// A step of a decision.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StepTaken {
    /// `token`, `scope`, `owner`, `existence`, `state` or `rank`.
    #[schema(value_type = String)]
    pub step: &'static str,
    /// What is asked.
    #[schema(value_type = String)]
    pub question: &'static str,
    /// How it went.
    pub outcome: StepOutcome,
    /// Why.
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

/// Why nothing more is told to who may not read the record.
const NOT_YOURS_TO_KNOW: &str = "whoever asks may not read the record, and is not told whether it is there";

/// Somebody of whom it is asked what they would be answered. It calls nothing, and opens nothing.
#[derive(Clone, Debug)]
pub struct Supposed(Caller);

impl Supposed {
    /// Somebody with this scope.
    pub fn new(vocabulary: &Arc<Vocabulary>, subject: Subject, scope: ScopeSet) -> Self {
        Self(Caller::supposed(Arc::clone(vocabulary), subject, scope))
    }

    /// The user, when it is one.
    pub fn user_id(&self) -> Option<UserId> {
        self.0.user_id()
    }
}

impl From<&Caller> for Supposed {
    fn from(caller: &Caller) -> Self {
        Self(caller.clone())
    }
}

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
    pub fn open_to_everybody(who: Option<&Supposed>) -> Self {
        Self { allowed: Some(true), ..Self::empty() }.by(who)
    }

    /// Of a route that asks for an acceptable token and nothing else.
    pub fn by_any_token(who: Option<&Supposed>) -> Self {
        match who {
            Some(_) => Self { allowed: Some(true), ..Self::empty() }.by(who).step(TOKEN, "it is"),
            None => Self::without_token(None),
        }
    }

    /// Of a route that asks for a client's own credentials, whatever token comes along.
    pub fn by_client_authentication(who: Option<&Supposed>) -> Self {
        let because = "the route asks a client to prove who it is (RFC 6749 §2.3), and takes no access token";
        let enough = vec!["a client's own credentials".to_owned()];
        Self::empty().by(who).refused("invalid-client", TOKEN, because.to_owned(), enough)
    }

    /// Of nobody, where somebody must be.
    pub fn without_token(rule: Option<&Rule>) -> Self {
        let enough = ways(rule, None);
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
            Reason::WrongState => format!("it was not {}", rule.who.state().map_or("", Relation::name)),
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

    fn by(mut self, who: Option<&Supposed>) -> Self {
        let Some(Supposed(caller)) = who else { return self };
        self.scope = caller.scope().iter().map(|scope| scope.to_string()).collect();
        self.caller = Some(match caller.subject() {
            Subject::User { id, .. } => format!("user:{id}"),
            Subject::Client { id } => format!("client:{id}"),
            Subject::Operator => "operator".to_owned(),
        });
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

    /// The steps that were not taken, of those that the rule has.
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

/// A decision that is only imagined: may they do `A` to records of kind `R`? Taken step by step, as
/// the decision itself is, so that nothing is told which a step before had kept.
pub struct Question<R, A> {
    rule: &'static Rule,
    who: Supposed,
    told: Explanation,
    kind: PhantomData<(R, A)>,
}

impl<R: Can<A>, A: Action> Question<R, A> {
    /// Asks the first step, for which nothing is looked up.
    ///
    /// # Errors
    /// The explanation, when it decides already.
    pub fn ask(who: Option<&Supposed>) -> Result<Self, Box<Explanation>> {
        let rule = Rule::of::<R, A>();
        let Some(who) = who else { return Err(Explanation::without_token(Some(rule)).into()) };
        let told = Explanation::empty().on(Some(rule)).by(Some(who)).step(TOKEN, "there is");
        let question = Self { rule, who: who.clone(), told, kind: PhantomData };
        let nothing = Facts { owner: None, held: Held::NONE, rank: None };
        if !rule.lets(Step::Scope, &question.who.0, nothing) {
            let because = format!("it carries none of {}", names(rule));
            return Err(question.fails(Step::Scope, because).into());
        }
        let because = carried(rule, question.who.0.scope());
        Ok(Self { told: question.told.step(SCOPE, because), ..question })
    }

    /// Of a collection: is there anything that they reach?
    pub fn of_collection(self) -> Explanation {
        if Sight::of(&self.who.0, &[self.rule]).extents().is_empty() {
            return self.fails(Step::Owner, "a client owns nothing, and reaches nobody's".to_owned());
        }
        let told = self.told.step(OWNER, "what is listed or made is what they reach, and nothing else");
        Explanation { allowed: Some(true), ..told }
    }

    /// Of what the caller calls their own, when they have none: a client.
    pub fn of_no_own_record(self) -> Explanation {
        self.fails(Step::Owner, "a client has no record of its own".to_owned())
    }

    /// Of an id that names no record of the kind.
    pub fn of_no_record(mut self) -> Explanation {
        let hidden = self.rule.owner_from == OwnerFrom::Url && !self.rule.reaches_everyone(&self.who.0);
        if hidden {
            return self.fails(Step::Owner, "the path names nobody who could be the caller".to_owned());
        }
        self.told = self.told.step(
            OWNER,
            reached(self.rule, &self.who.0, Facts { owner: None, held: Held::NONE, rank: None }),
        );
        let because = "the path names nothing that could be a record".to_owned();
        self.told.refused(Reason::NotFound.as_str(), EXISTENCE, because, Vec::new())
    }

    /// Of this record: what its id alone decides.
    ///
    /// # Errors
    /// The explanation, when it decides already.
    pub fn of_id(mut self, id: &R::Id) -> Result<Self, Box<Explanation>> {
        self.told.record = Some(id.to_string());
        let Some(owner) = R::owner_by_id(id) else { return Ok(self) };
        self.told.owner = Some(format!("user:{owner}"));
        let facts = Facts { owner: Some(owner), held: Held::NONE, rank: None };
        if !self.rule.lets(Step::Owner, &self.who.0, facts) {
            let because = not_reached(self.rule, &self.who.0, facts);
            return Err(self.fails(Step::Owner, because).into());
        }
        Ok(self)
    }

    /// What a lookup for the explanation needs: the record, and its relations to who is supposed to
    /// call.
    pub(crate) fn sight(&self) -> Sight {
        Sight::everything(&self.who.0)
    }

    fn fails(self, step: Step, because: String) -> Explanation {
        let reason = step.reason();
        let enough = enough(self.rule, reason, self.who.0.vocabulary());
        self.told.refused(reason.as_str(), step_of(reason), because, enough)
    }
}

impl<R: Can<A> + Can<Read>, A: Action> Question<R, A> {
    /// Of the record itself, with its relations to them, for somebody who asks; `seen` is what that
    /// somebody's own lookup found, which says whether they may know of it.
    pub fn of_record(mut self, found: Sealed<R>, asker: &Caller, seen: Sealed<R>) -> Explanation {
        if asker.open::<R, Read>(seen).is_err() {
            let may_read_all = Rule::of::<R, Read>().reaches_everyone(asker);
            if may_read_all {
                return self.of_no_such_record();
            }
            self.told.rest(StepOutcome::NotTold, NOT_YOURS_TO_KNOW);
            return self.told;
        }
        let Some((record, held)) = found.into_found() else { return self.of_no_such_record() };
        let (rule, caller) = (self.rule, self.who.0.clone());
        let facts = Facts::of(&record, held);
        self.told.owner = facts.owner.map(|owner| format!("user:{owner}"));
        let told = rule.told(Rule::of::<R, Read>(), &caller, facts);
        for step in [Step::Owner, Step::State, Step::Rank] {
            if !rule.lets(step, &caller, facts) {
                let (because, enough) = failed(rule, step, &caller, facts);
                let told = told.unwrap_or_else(|| step.reason());
                return self.told.refused(told.as_str(), step_of(step.reason()), because, enough);
            }
            let because = match step {
                Step::Owner => reached(rule, &caller, facts),
                Step::State => in_state(rule),
                Step::Scope | Step::Rank => level(rule, &caller, facts),
            };
            self.told = self.told.step(step_of(step.reason()), because);
            if step == Step::Owner {
                self.told = self.told.step(EXISTENCE, "there is");
            }
        }
        Explanation { allowed: Some(true), ..self.told }
    }

    fn of_no_such_record(mut self) -> Explanation {
        self.told.owner = None;
        let because = "there is no such record".to_owned();
        self.told.refused(Reason::NotFound.as_str(), EXISTENCE, because, Vec::new())
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

fn names(rule: &Rule) -> String {
    let names: Vec<String> = rule.who.scopes().map(|scope| scope.to_string()).collect();
    names.join(", ")
}

fn carried(rule: &Rule, scope: &ScopeSet) -> String {
    let carried: Vec<&str> =
        rule.who.scopes().filter(|known| scope.contains(*known)).map(Scope::as_str).collect();
    format!("it carries {}", carried.join(" and "))
}

/// In which ways the caller reaches the record.
fn reached(rule: &Rule, caller: &Caller, facts: Facts<'_>) -> String {
    let holds = |scope: &Scope| caller.holds(*scope);
    let is_own = caller.user_id().is_some() && caller.user_id() == facts.owner;
    let own = rule.who.owner_scope().filter(|scope| is_own && holds(scope));
    let own = own.map(|scope| format!("it is the caller's own, and the token carries {scope}"));
    let everyones = rule.who.anyone_scope().filter(holds);
    let everyones = everyones.map(|scope| format!("the token carries {scope}, which reaches everyone's"));
    let roles = rule.who.roles().filter(|(role, scope)| holds(scope) && caller.has_role(*role));
    let roles =
        roles.map(|(role, scope)| format!("the caller has the role {role}, and the token carries {scope}"));
    let related = rule.who.relations().filter(|(relation, scope)| {
        holds(scope)
            && (!relation.is_personal() || caller.user_id().is_some())
            && facts.held.includes(rule.relations(), *relation)
    });
    let related = related.map(|(relation, scope)| {
        let name = relation.name();
        if relation.is_personal() {
            format!("the caller is its {name}, and the token carries {scope}")
        } else {
            format!("it is {name}, and the token carries {scope}")
        }
    });
    let ways: Vec<String> = own.into_iter().chain(everyones).chain(roles).chain(related).collect();
    ways.join("; ")
}

fn not_reached(rule: &Rule, caller: &Caller, facts: Facts<'_>) -> String {
    let whose = match (caller.user_id(), facts.owner) {
        (Some(user), Some(owner)) if user == owner => {
            let scope = rule.who.owner_scope();
            scope.map_or_else(
                || "it is the caller's own, and that is no way in".to_owned(),
                |scope| format!("it is the caller's own, but the token does not carry {scope}"),
            )
        }
        (Some(user), Some(owner)) => format!("it belongs to user {owner}, and the caller is user {user}"),
        (None, Some(owner)) => {
            format!("it belongs to user {owner}, and the caller is a client, which owns nothing")
        }
        (_, None) => "it belongs to nobody".to_owned(),
    };
    match rule.who.anyone_scope() {
        Some(scope) => format!("{whose}; the token does not carry {scope}"),
        None => whose,
    }
}

fn in_state(rule: &Rule) -> String {
    rule.who
        .state()
        .map_or_else(|| "the rule asks for none".to_owned(), |state| format!("it is {}", state.name()))
}

fn level(rule: &Rule, caller: &Caller, facts: Facts<'_>) -> String {
    if !rule.who.is_ranked() {
        "the rule does not ask".to_owned()
    } else if caller.user_id().is_some() && caller.user_id() == facts.owner {
        "it is the caller's own".to_owned()
    } else {
        "it has".to_owned()
    }
}

/// Why a step fails on a record, and what would have been enough.
fn failed(rule: &Rule, step: Step, caller: &Caller, facts: Facts<'_>) -> (String, Vec<String>) {
    let enough = enough(rule, step.reason(), caller.vocabulary());
    match step {
        Step::Scope | Step::Owner => (not_reached(rule, caller, facts), enough),
        Step::State => (format!("it is not {}", rule.who.state().map_or("", Relation::name)), enough),
        Step::Rank => {
            let lacks = facts.rank.map(|record| caller.lacks_of(record)).unwrap_or_default();
            let because = format!("the caller lacks {lacks}, which goes with the record");
            (because, vec![format!("roles, or for a client a token, that give {lacks}")])
        }
    }
}

/// What would have been enough where this was the reason.
fn enough(rule: &Rule, reason: Reason, vocabulary: &Vocabulary) -> Vec<String> {
    match reason {
        Reason::InsufficientScope => ways(Some(rule), Some(vocabulary)),
        Reason::NotOwner => {
            let own = |way: &String| !way.ends_with(OWN);
            ways(Some(rule), Some(vocabulary)).into_iter().filter(own).collect()
        }
        Reason::WrongState => {
            let state = rule.who.state().map_or("", Relation::name);
            vec![format!("a {} that is {state}", rule.resource)]
        }
        Reason::NotFound | Reason::AboveCaller => Vec::new(),
    }
}

const OWN: &str = "for one's own";

/// Every way in, with the scope that it takes, and the roles that grant it.
fn ways(rule: Option<&Rule>, vocabulary: Option<&Vocabulary>) -> Vec<String> {
    let Some(rule) = rule else { return vec!["any acceptable access token".to_owned()] };
    let granted = |scope: Scope| {
        let Some(vocabulary) = vocabulary else { return String::new() };
        let grants = |role: &Role| vocabulary.granted_by(&[*role]).contains(scope);
        let roles: Vec<String> = vocabulary.roles().filter(grants).map(|role| role.to_string()).collect();
        if roles.is_empty() { String::new() } else { format!(" (which {} grants)", roles.join(" or ")) }
    };
    let token = |scope: Scope| format!("a token with {scope}{}", granted(scope));
    let own = rule.who.owner_scope().map(|scope| format!("{}, {OWN}", token(scope)));
    let related = rule.who.relations().map(|(relation, scope)| {
        let name = relation.name();
        if relation.is_personal() {
            format!("{}, where the caller is the record's {name}", token(scope))
        } else {
            format!("{}, where the record is {name}", token(scope))
        }
    });
    let roles = rule.who.roles().map(|(role, scope)| format!("{}, and the role {role}", token(scope)));
    let anyone = rule.who.anyone_scope().map(|scope| format!("{}, for everyone's", token(scope)));
    own.into_iter().chain(related).chain(roles).chain(anyone).collect()
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
