//! A decision that is only imagined, asked step by step.

use std::marker::PhantomData;
use std::sync::Arc;

use super::super::action::{Action, Read};
use super::super::caller::{Caller, Subject, actor_of};
use super::super::decision::Sealed;
use super::super::relation::RelationSet;
use super::super::rule::{Reason, RecordAttributes, Rule, Step};
use super::super::scope::ScopeSet;
use super::super::who::Can;
use super::words::{carried, enough, failed, in_state, level, names, not_reached, reached};
use super::{EXISTENCE, Explanation, OWNER, SCOPE, StepOutcome, TOKEN, step_of};
use crate::authz::roles::Vocabulary;
use crate::authz::row_filter::RowFilter;
use crate::domain::UserId;

/// Why nothing more is told to who may not read the record.
const NOT_YOURS_TO_KNOW: &str = "whoever asks may not read the record, and is not told whether it is there";

/// Before a record is known.
const NOTHING: RecordAttributes<'_> = RecordAttributes { owner: None, held: RelationSet::NONE, rank: None };

/// Somebody of whom it is asked what they would be answered. It calls nothing, and opens nothing.
#[derive(Clone, Debug)]
pub struct HypotheticalCaller(Caller);

impl HypotheticalCaller {
    /// Somebody with this scope.
    pub fn new(vocabulary: &Arc<Vocabulary>, subject: Subject, scope: ScopeSet) -> Self {
        Self(Caller::supposed(Arc::clone(vocabulary), subject, scope))
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.0
    }

    /// The user, when it is one.
    pub fn user_id(&self) -> Option<UserId> {
        self.0.user_id()
    }
}

impl From<&Caller> for HypotheticalCaller {
    fn from(caller: &Caller) -> Self {
        Self(caller.clone())
    }
}

/// A decision that is only imagined: may they do `A` to records of kind `R`? Taken step by step, as
/// the decision itself is, so that nothing is told which a step before had kept.
pub struct Preview<R, A> {
    rule: &'static Rule,
    who: HypotheticalCaller,
    told: Explanation,
    kind: PhantomData<(R, A)>,
}

impl<R: Can<A>, A: Action> Preview<R, A> {
    /// Asks the first step, for which nothing is looked up.
    ///
    /// # Errors
    /// The explanation, when it decides already.
    pub fn ask(who: Option<&HypotheticalCaller>) -> Result<Self, Box<Explanation>> {
        let rule = Rule::of::<R, A>();
        let Some(who) = who else { return Err(Explanation::without_token(Some(rule)).into()) };
        let told = Explanation::empty().on(Some(rule)).by(Some(who)).step(TOKEN, "there is");
        let question = Self { rule, who: who.clone(), told, kind: PhantomData };
        if !rule.lets(Step::Scope, &question.who.0, NOTHING) {
            let because = format!("it carries none of {}", names(rule));
            return Err(question.fails(Step::Scope, because).into());
        }
        let because = carried(rule, question.who.0.scope());
        Ok(Self { told: question.told.step(SCOPE, because), ..question })
    }

    /// Of a collection: is there anything that they reach?
    pub fn of_collection(self) -> Explanation {
        if RowFilter::of(&self.who.0, &[self.rule]).terms().is_empty() {
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
        if self.rule.reason_of_no_record(&self.who.0) == Reason::NotOwner {
            return self.fails(Step::Owner, "the path names nobody who could be the caller".to_owned());
        }
        self.told = self.told.step(OWNER, reached(self.rule, &self.who.0, NOTHING));
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
        self.told.owner = Some(actor_of(owner));
        let facts = RecordAttributes { owner: Some(owner), ..NOTHING };
        if !self.rule.lets(Step::Owner, &self.who.0, facts) {
            let because = not_reached(self.rule, &self.who.0, facts);
            return Err(self.fails(Step::Owner, because).into());
        }
        Ok(self)
    }

    /// What a lookup for the explanation needs: the record, and its relations to who is supposed to
    /// call.
    pub(crate) fn row_filter(&self) -> RowFilter {
        RowFilter::unrestricted(&self.who.0)
    }

    fn fails(self, step: Step, because: String) -> Explanation {
        let reason = step.reason();
        let enough = enough(self.rule, reason, self.who.0.vocabulary());
        self.told.refused(reason.as_str(), step_of(reason), because, enough)
    }
}

impl<R: Can<A> + Can<Read>, A: Action> Preview<R, A> {
    /// Of the record itself, with its relations to them, for somebody who asks; `seen` is what that
    /// somebody's own lookup found, which says whether they may know of it.
    pub fn of_record(mut self, found: Sealed<R>, asker: &Caller, seen: Sealed<R>) -> Explanation {
        if asker.open::<R, Read>(seen).is_err() {
            if Rule::of::<R, Read>().reaches_everyone(asker) {
                return self.of_no_such_record();
            }
            self.told.rest(StepOutcome::NotTold, NOT_YOURS_TO_KNOW);
            return self.told;
        }
        let Some((record, held)) = found.into_found() else { return self.of_no_such_record() };
        let (rule, caller) = (self.rule, self.who.0.clone());
        let facts = RecordAttributes::of(&record, held);
        self.told.owner = facts.owner.map(actor_of);
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
