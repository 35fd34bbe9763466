//! Callers whose situation needs requests of its own: an administrator with a token of one scope, a user with a relation
//! to the record, and a user who loses the token's effect in the middle of the request.

use super::body;
use super::caller::{Caller, Interruption};
use super::fixture::TestUser;
use super::invariants::{compares_powers, difference_from_rule};
use super::records::NoRecord;
use super::relations::names_relation;
use super::report::{Cell, pointless, untried};
use super::trial::Trial;
use super::{Outcome, Request, Verification, VerifyError};
use crate::authz::Relation;
use crate::authz::matrix::CallerKind;
use crate::domain::Role;
use crate::http::{Code, Endpoint, Rules};

impl Verification<'_> {
    /// Tries a route in a situation of this file. None for any other caller.
    pub(super) fn situation(
        &self,
        endpoint: &Endpoint,
        rules: &Rules<'_, Endpoint>,
        caller: Caller,
    ) -> Result<Option<Cell>, VerifyError> {
        Ok(Some(match caller {
            Caller::Narrow => self.narrow(endpoint)?,
            Caller::Related(relation) => return self.related(endpoint, rules, relation),
            Caller::Interrupted(how) => self.interrupted(endpoint, rules, how)?,
            _ => return Ok(None),
        }))
    }

    /// Calls the route on the record of an administrator, as another administrator whose token carries one scope
    /// of the rule. A caller's powers are those of the token, so that a route that compares them refuses.
    fn narrow(&self, endpoint: &Endpoint) -> Result<Cell, VerifyError> {
        let caller = Caller::Narrow;
        if !compares_powers(endpoint) {
            return Ok(pointless(caller, "it compares no powers"));
        }
        let owner = self.fixture.new_user(&[Role::ADMIN, Role::USER])?;
        match self.trial(endpoint, owner) {
            Ok(trial) => Ok(self.cell(&trial, caller, Some(Code::AboveCaller))?.0),
            Err(NoRecord::NotMade(reason)) => Ok(untried(caller, reason)),
            Err(NoRecord::Failed(error)) => Err(error),
        }
    }

    /// Calls a route on a new record, after its owner gave another user this relation to it. None for a route to which
    /// the relation makes no difference.
    fn related(
        &self,
        endpoint: &Endpoint,
        rules: &Rules<'_, Endpoint>,
        relation: Relation,
    ) -> Result<Option<Cell>, VerifyError> {
        let caller = Caller::Related(relation);
        if !names_relation(endpoint, relation) {
            return Ok(Some(pointless(caller, "no rule of its record names the relation")));
        }
        let related = || -> Result<Trial<'_>, NoRecord> {
            let trial = self.trial(endpoint, self.fixture.new_owner()?)?;
            self.fixture.relate(relation, self.related_user()?, &trial)?;
            Ok(trial)
        };
        let trial = match related() {
            Ok(trial) => trial,
            Err(NoRecord::NotMade(reason)) => return Ok(Some(untried(caller, reason))),
            Err(NoRecord::Failed(error)) => return Err(error),
        };
        let expected = rules.refusal(endpoint, endpoint.read_rule(), caller.kind());
        Ok(Some(self.cell(&trial, caller, expected)?.0))
    }

    /// Sends the head and half of the body of a request that the route would let in, ends the effect of its token,
    /// and sends the rest. The answer must be the one to a new request with the token.
    fn interrupted(
        &self,
        endpoint: &Endpoint,
        rules: &Rules<'_, Endpoint>,
        how: Interruption,
    ) -> Result<Cell, VerifyError> {
        let caller = Caller::Interrupted(how);
        let untried = |reason: &str| Ok(untried(caller, reason.to_owned()));
        if body::example(endpoint).is_none() {
            return Ok(pointless(caller, "it takes no body"));
        }
        if !endpoint.access.looks_at_tokens() {
            return Ok(pointless(caller, "it looks at no access token"));
        }
        let refusal = |kind| rules.refusal(endpoint, endpoint.read_rule(), kind);
        let is_admin = refusal(CallerKind::Role(Role::ADMIN)).is_none();
        if !is_admin && refusal(CallerKind::Owner).is_some() {
            return Ok(pointless(caller, "it lets in neither an administrator nor the owner"));
        }
        let trial = match self.trial(endpoint, self.fixture.new_owner()?) {
            Ok(trial) => trial,
            Err(NoRecord::NotMade(reason)) => return untried(&reason),
            Err(NoRecord::Failed(error)) => return Err(error),
        };
        let before = self.state(endpoint, &trial.path)?;
        let send = |request: &Request| {
            let user = match is_admin {
                true => self.fixture.new_user(&[Role::ADMIN, Role::USER])?,
                false => trial.owner.clone(),
            };
            self.fixture.send_interrupted(request, &user.token, || self.interrupt(how, &user))
        };
        let request = Request::new(endpoint.method.clone(), trial.path.clone());
        let answer = self.fixture.with_examples(endpoint, request, &trial.owner, !is_admin, send)?;
        let expected = refusal(CallerKind::BadToken);
        let mut differences: Vec<String> =
            difference_from_rule(endpoint, expected, &answer).into_iter().collect();
        // A deleted owner's record is gone.
        let is_changed = |after: String| before.is_some_and(|before| before != after);
        if self.state(endpoint, &trial.path)?.is_some_and(is_changed) {
            differences.push(format!("gets {} and changed the record", answer.summary()));
        }
        let outcome = match differences.is_empty() {
            true => Outcome::AsExpected,
            false => Outcome::Different(differences),
        };
        Ok(Cell::new(caller, answer.summary(), outcome))
    }

    /// Ends the effect of the user's token.
    fn interrupt(&self, how: Interruption, user: &TestUser) -> Result<(), VerifyError> {
        match how {
            Interruption::Suspended => self.fixture.suspend(user),
            Interruption::Demoted => self.fixture.demote(user),
            Interruption::LoggedOut => self.fixture.log_out(&user.token),
            Interruption::Deleted => self.fixture.delete(user),
        }
    }
}
