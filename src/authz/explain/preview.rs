//! Preview of a decision, step by step.

use std::marker::PhantomData;

use super::explanation::{EXISTENCE, FRESHNESS, OWNER, SCOPE, TOKEN, step_of};
use super::wording::{STALE, Wording, carried, in_state, not_carried, not_reached, outranked, reached};
use crate::authz::action::{Action, Read};
use crate::authz::{
    Caller, Can, Explanation, HypotheticalCaller, Reason, RecordAttributes, RowFilter, Rule, Sealed, Step,
    StepOutcome, actor_of,
};
use crate::domain::UserId;

const HIDDEN: &str = "you may not read the record, and must not learn whether it exists";

/// Preview of a decision: may the hypothetical caller do `A` to records of kind `R`? It takes the
/// same steps as the decision, so that no step reveals what an earlier step hides.
pub struct Preview<R, A> {
    rule: &'static Rule,
    caller: Caller,
    explanation: Explanation,
    kind: PhantomData<(R, A)>,
}

impl<R: Can<A>, A: Action> Preview<R, A> {
    /// Takes the steps that need no lookup.
    ///
    /// # Errors
    /// The explanation, if one of these steps refuses.
    pub fn begin(caller: Option<&HypotheticalCaller>) -> Result<Self, Box<Explanation>> {
        let rule = Rule::of::<R, A>();
        let Some(caller) = caller else { return Err(Explanation::without_token(Some(rule)).into()) };
        let explanation =
            Explanation::empty().on(Some(rule)).by(Some(caller)).passed(TOKEN, "the token is acceptable");
        let preview = Self { rule, caller: caller.caller().clone(), explanation, kind: PhantomData };
        if !rule.passes(Step::Scope, &preview.caller, RecordAttributes::UNKNOWN) {
            return Err(preview.fails(Step::Scope, not_carried(rule)).into());
        }
        let because = carried(rule, preview.caller.scope());
        let preview = Self { explanation: preview.explanation.passed(SCOPE, because), ..preview };
        if !rule.passes(Step::Freshness, &preview.caller, RecordAttributes::UNKNOWN) {
            return Err(preview.fails(Step::Freshness, STALE.to_owned()).into());
        }
        if !rule.condition.needs_freshness() {
            return Ok(preview);
        }
        let because = "the user authenticated recently enough, or the caller has no user";
        Ok(Self { explanation: preview.explanation.passed(FRESHNESS, because), ..preview })
    }

    /// Explains the decision on a collection.
    pub fn of_collection(self) -> Explanation {
        if RowFilter::of(&self.caller, &[self.rule]).terms().is_empty() {
            let because = "the caller is a client, which owns no records, and no other clause holds";
            return self.fails(Step::Owner, because.to_owned());
        }
        self.explanation.passed(OWNER, "the answer contains only records that the caller reaches").allowed()
    }

    /// Explains the decision on the records of one user.
    pub fn of_collection_of(self, owner: UserId) -> Explanation {
        match self.of_owner(owner) {
            Ok(preview) => {
                let because = reached(preview.rule, &preview.caller, RecordAttributes::owned_by(owner));
                preview.explanation.passed(OWNER, because).allowed()
            }
            Err(explanation) => *explanation,
        }
    }

    /// Explains the decision on "my own record" for a client, which owns no records.
    pub fn of_no_own_record(self) -> Explanation {
        self.fails(Step::Owner, "the caller is a client, which owns no records".to_owned())
    }

    /// Explains the decision on an id that no record of the kind can have.
    pub fn of_no_record(mut self) -> Explanation {
        if self.rule.reason_of_no_record(&self.caller) == Reason::NotOwner {
            return self.fails(Step::Owner, "the path does not name the caller".to_owned());
        }
        let because = reached(self.rule, &self.caller, RecordAttributes::UNKNOWN);
        self.explanation = self.explanation.passed(OWNER, because);
        self.not_found("the path has no valid id of a record")
    }

    /// Explains the decision on an id that no record of this owner can have.
    pub fn of_no_record_of(self, owner: UserId) -> Explanation {
        match self.of_owner(owner) {
            Ok(preview) => preview.of_no_record(),
            Err(explanation) => *explanation,
        }
    }

    /// Takes the step that the record's id alone decides.
    ///
    /// # Errors
    /// The explanation, if that step refuses.
    pub fn of_id(mut self, id: &R::Id) -> Result<Self, Box<Explanation>> {
        self.explanation.record = Some(id.to_string());
        match R::owner_by_id(id) {
            Some(owner) => self.of_owner(owner),
            None => Ok(self),
        }
    }

    /// Takes the step that the record's owner decides.
    fn of_owner(mut self, owner: UserId) -> Result<Self, Box<Explanation>> {
        self.explanation.owner = Some(actor_of(owner));
        let attributes = RecordAttributes::owned_by(owner);
        if !self.rule.passes(Step::Owner, &self.caller, attributes) {
            let because = not_reached(self.rule, &self.caller, attributes);
            return Err(self.fails(Step::Owner, because).into());
        }
        Ok(self)
    }

    /// Returns the filter for the preview's own lookup: it finds every record, with its relations to
    /// the hypothetical caller.
    pub(crate) fn row_filter(&self) -> RowFilter {
        RowFilter::unrestricted(&self.caller)
    }

    fn fails(self, step: Step, because: String) -> Explanation {
        let reason = step.reason();
        let enough = Wording { rule: self.rule, vocabulary: self.caller.vocabulary() }.enough(reason);
        self.explanation.refused(reason.as_str(), step_of(reason), because, enough)
    }

    fn not_found(self, because: &str) -> Explanation {
        self.explanation.refused(Reason::NotFound.as_str(), EXISTENCE, because.to_owned(), Vec::new())
    }
}

impl<R: Can<A> + Can<Read>, A: Action> Preview<R, A> {
    /// Returns the filter for the lookup of the hypothetical caller's own request.
    pub(crate) fn lookup_filter(&self) -> RowFilter {
        RowFilter::of(&self.caller, &[self.rule, Rule::of::<R, Read>()])
    }

    /// Explains the decision on a record. `found` is the result of the preview's own lookup. `asker`
    /// asks for the explanation, and `seen` is the result of the asker's own lookup: an asker who may
    /// not read the record learns nothing about it.
    pub fn of_record(self, found: Sealed<R>, asker: &Caller, seen: Sealed<R>) -> Explanation {
        if asker.open::<R, Read>(seen).is_err() {
            return if Rule::of::<R, Read>().reaches_everyone(asker) {
                self.of_missing_record()
            } else {
                self.explanation.with_the_rest(StepOutcome::NotTold, HIDDEN)
            };
        }
        self.of_found(found)
    }

    /// Explains the decision on a record that the hypothetical caller's own request would find.
    pub(crate) fn of_found(mut self, found: Sealed<R>) -> Explanation {
        let Some(found) = found.into_found() else { return self.of_missing_record() };
        let attributes = found.attributes();
        self.explanation.owner = attributes.owner.map(actor_of);
        self.with_record_steps(attributes)
    }

    fn with_record_steps(mut self, attributes: RecordAttributes<'_>) -> Explanation {
        let (rule, caller) = (self.rule, &self.caller);
        let visible_reason = rule.visible_reason(Rule::of::<R, Read>(), caller, attributes);
        for step in [Step::Owner, Step::State, Step::Rank] {
            if !rule.passes(step, caller, attributes) {
                let wording = Wording { rule, vocabulary: caller.vocabulary() };
                let (because, enough) = wording.failed(step, caller, attributes);
                let code = visible_reason.unwrap_or_else(|| step.reason()).as_str();
                return self.explanation.refused(code, step_of(step.reason()), because, enough);
            }
            let because = match step {
                Step::Owner => reached(rule, caller, attributes),
                Step::State => in_state(rule, attributes),
                Step::Scope | Step::Freshness | Step::Rank => outranked(rule, caller, attributes),
            };
            self.explanation = self.explanation.passed(step_of(step.reason()), because);
            if step == Step::Owner {
                self.explanation = self.explanation.passed(EXISTENCE, "the record exists");
            }
        }
        self.explanation.allowed()
    }

    fn of_missing_record(mut self) -> Explanation {
        self.explanation.owner = None;
        self.not_found("there is no such record")
    }
}
