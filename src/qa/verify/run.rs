//! Run of a verification: every route as every caller.

use std::cell::Cell as StdCell;
use std::sync::Arc;
use std::time::Instant;

use actix_web::http::Method;
use uuid::Uuid;

use super::caller::Caller;
use super::client::Answer;
use super::fixture::{Fixture, TestClient, TestUser};
use super::invariants::{
    difference_from_rule, hides_existence, is_always_refused, leaked_secret, private_list,
};
use super::leftovers::OtherRuns;
use super::records::NoRecord;
use super::report::Cell;
use super::timing::{ROUNDS, SAMPLES, differ};
use super::{Outcome, Report, Request, RouteReport, Target, VerifyError};
use crate::app::App;
use crate::authz::action::{Action as _, Create};
use crate::authz::{ScopeSet, Vocabulary};
use crate::domain::{Clock, Random, Role};
use crate::http::{Access, Code, Endpoint, Rules};

/// Options of a verification.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Set when the server stays in use: changes that cannot be undone are skipped.
    pub(crate) stays_in_use: bool,
    /// Set when test data is removed.
    pub(crate) careful: bool,
    /// Set when response times are compared.
    pub(crate) timing: bool,
    /// Set when registration is open.
    pub(crate) registration_open: bool,
}

/// Verification of a server.
pub(crate) struct Verification<'f> {
    pub(super) fixture: &'f Fixture,
    options: Options,
    vocabulary: Arc<Vocabulary>,
    roles: Vec<(Role, TestUser)>,
    client: TestClient,
    client_with_any: TestClient,
    /// Number of requests in succession that got no answer.
    unanswered: StdCell<u32>,
}

/// Route under test, with its path to a record of a new owner.
pub(super) struct Trial<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) owner: TestUser,
    pub(super) path: String,
}

const NO_RECORD: &str = "no such record: no route creates one";
const NO_KEY: &str = "it needs the server's signing key, which is not available";
const ENDED: &str = "the run ended before";

/// Number of callers in succession that the server cannot be asked as, after which the run ends.
const MAX_UNANSWERED: u32 = 3;

impl<'f> Verification<'f> {
    /// Tries every route of a server, reports each to `tell`, and removes the test data. What ends the run is in the
    /// report, with everything that was found before.
    pub(crate) fn run(
        app: &Arc<App>,
        target: Target,
        options: Options,
        endpoints: &[Endpoint],
        tell: impl Fn(&RouteReport),
    ) -> Report {
        let mut report = Report { target: target.url.clone(), ..Report::default() };
        let ended = match Fixture::new(app, target) {
            Ok(fixture) => Self::run_on(fixture, app, options, endpoints, &mut report, &tell),
            Err(error) => Err(error),
        };
        report.ended = ended.err().map(|VerifyError(why)| why);
        let vocabulary = app.vocabulary();
        let missing = endpoints.iter().skip(report.routes.len());
        report.routes.extend(missing.map(|endpoint| not_tried(endpoint, vocabulary, ENDED)));
        report
    }

    fn run_on(
        mut fixture: Fixture,
        app: &Arc<App>,
        options: Options,
        endpoints: &[Endpoint],
        report: &mut Report,
        tell: &impl Fn(&RouteReport),
    ) -> Result<(), VerifyError> {
        // A credential that is refused is a mistake of the person who runs this, and creates nothing.
        fixture.everything()?;
        if !options.careful {
            fixture.prepare()?;
            return Verification::begin(&fixture, app, options)?.routes(endpoints, report, tell);
        }
        if fixture.remove_last_admin.is_none() && !fixture.has_administrator()? {
            return Err(VerifyError::new(
                "the server has no active administrator, so that the ones created here could not be removed: \
                 create one first, or give --keys",
            ));
        }
        let others = fixture.mark_run()?;
        let outcome = fixture
            .prepare()
            .and_then(|()| Verification::begin(&fixture, app, options)?.routes(endpoints, report, tell));
        Self::finish(&fixture, &others, report);
        outcome
    }

    /// Removes what this run created, and what earlier runs have left.
    fn finish(fixture: &Fixture, others: &OtherRuns, report: &mut Report) {
        let is_stopped = fixture.is_stopped();
        report.general.extend(fixture.clean_up().err().map(|VerifyError(left)| left));
        if !is_stopped {
            let left = fixture.remove_leftovers(others);
            report.general.extend(left.err().map(|VerifyError(left)| format!("of an earlier run: {left}")));
        }
    }

    /// Creates the callers.
    ///
    /// # Errors
    /// When the server refuses to create them.
    fn begin(fixture: &'f Fixture, app: &Arc<App>, options: Options) -> Result<Self, VerifyError> {
        let vocabulary = Arc::new(app.vocabulary().clone());
        let special = |caller: Caller| match caller {
            Caller::Role(role) => Some(role),
            _ => None,
        };
        let roles = Caller::all(&vocabulary).into_iter().filter_map(special);
        let roles: Result<Vec<_>, VerifyError> =
            roles.map(|role| Ok((role, fixture.new_user(&[role, Role::USER])?))).collect();
        let (own, all) = (fixture.own_scopes(), fixture.all_scopes());
        let (client, client_with_any) = (fixture.new_client(&own)?, fixture.new_client(&all)?);
        let unanswered = StdCell::new(0);
        Ok(Self { roles: roles?, client, client_with_any, fixture, options, vocabulary, unanswered })
    }

    fn routes(
        &self,
        endpoints: &[Endpoint],
        report: &mut Report,
        tell: &impl Fn(&RouteReport),
    ) -> Result<(), VerifyError> {
        // Lists come first, while they fit on one page.
        let mut shown = Vec::new();
        for endpoint in endpoints {
            shown.push(self.answered(self.list_leak(endpoint))?);
        }
        let rules = Rules {
            name: self.fixture.app.name,
            routes: endpoints,
            vocabulary: &self.vocabulary,
            registration_open: self.options.registration_open,
        };
        for (endpoint, shown) in endpoints.iter().zip(shown) {
            let mut route = RouteReport { route: endpoint.name(), cells: Vec::new() };
            let outcome = self.route(endpoint, &rules, &mut route.cells);
            let another = route.cells.iter_mut().find(|cell| cell.caller == Caller::AnotherUser);
            let shown = shown.unwrap_or_else(|VerifyError(error)| Some(error));
            if let (Some(cell), Some(shown)) = (another, shown) {
                add(&mut cell.outcome, shown);
            }
            let tried = route.cells.len();
            let missing = Caller::all(&self.vocabulary).into_iter().skip(tried);
            route.cells.extend(missing.map(|caller| untried(caller, ENDED.to_owned())));
            tell(&route);
            report.routes.push(route);
            outcome?;
        }
        Ok(())
    }

    /// Returns the result, or the error as a finding. The third error in succession ends the run, as a signal does.
    fn answered<T>(&self, result: Result<T, VerifyError>) -> Result<Result<T, VerifyError>, VerifyError> {
        self.unanswered.set(if result.is_ok() { 0 } else { self.unanswered.get() + 1 });
        match result {
            Err(error) if self.fixture.is_stopped() || self.unanswered.get() >= MAX_UNANSWERED => Err(error),
            result => Ok(result),
        }
    }

    /// Returns the leak when a list shows a record of the owner to another user.
    fn list_leak(&self, endpoint: &Endpoint) -> Result<Option<String>, VerifyError> {
        let Some(rule) = private_list(endpoint) else { return Ok(None) };
        let owner = self.fixture.new_owner()?;
        let made =
            self.fixture.make(rule, &owner).and_then(|id| Ok((id, self.fixture.path(endpoint, &owner)?)));
        let (id, path) = match made {
            Ok(made) => made,
            Err(NoRecord::NotMade(_)) => return Ok(None),
            Err(NoRecord::Failed(error)) => return Err(error),
        };
        let token = self.fixture.log_in(&self.fixture.other.email, None)?;
        let answer = self.fixture.call(endpoint, path, &owner, false, Some(&token))?;
        Ok(answer.body.contains(&id).then(|| "receives a record of the owner".to_owned()))
    }

    /// Tries a route as every caller. The cells are complete up to the error.
    fn route(
        &self,
        endpoint: &Endpoint,
        rules: &Rules<'_, Endpoint>,
        cells: &mut Vec<Cell>,
    ) -> Result<(), VerifyError> {
        let mut trial = None;
        for caller in Caller::all(&self.vocabulary) {
            let began = Instant::now();
            let tried = self.answered(self.try_caller(endpoint, rules, caller, trial.take()));
            let cell = match tried {
                Ok(Ok((cell, kept))) => {
                    trial = kept;
                    cell
                }
                Ok(Err(VerifyError(why))) | Err(VerifyError(why)) if self.fixture.is_stopped() => {
                    return Err(VerifyError(why));
                }
                Ok(Err(error)) => broken(caller, &error),
                Err(error) => {
                    cells.push(broken(caller, &error));
                    return Err(VerifyError::new(format!("{}: {error}", endpoint.name())));
                }
            };
            cells.push(Cell { took: began.elapsed(), ..cell });
        }
        Ok(())
    }

    /// Tries a route as one caller. Returns the result, and the record if the next caller can be tried on it.
    fn try_caller<'a>(
        &self,
        endpoint: &'a Endpoint,
        rules: &Rules<'_, Endpoint>,
        caller: Caller,
        kept: Option<Trial<'a>>,
    ) -> Result<(Cell, Option<Trial<'a>>), VerifyError> {
        if let Some(cell) = self.situation(endpoint, rules, caller)? {
            return Ok((cell, kept));
        }
        let expected = rules.refusal(endpoint, endpoint.read_rule(), caller.kind());
        let trial = match kept {
            Some(trial) => trial,
            None => match self.trial(endpoint, self.fixture.new_owner()?)? {
                Ok(trial) => trial,
                Err(reason) => {
                    return Ok((Cell { answer: reason.clone(), ..untried(caller, reason) }, None));
                }
            },
        };
        let (cell, was_let_in) = self.cell(&trial, caller, expected)?;
        // A caller must not find the changes of an allowed caller before.
        let ends_the_owner = matches!(caller, Caller::Suspended | Caller::Deleted);
        Ok((cell, Some(trial).filter(|_| !(was_let_in && may_change(endpoint) || ends_the_owner))))
    }

    /// Calls the route as one caller. Returns the result, and true when the call succeeded.
    pub(super) fn cell(
        &self,
        trial: &Trial<'_>,
        caller: Caller,
        expected: Option<Code>,
    ) -> Result<(Cell, bool), VerifyError> {
        let endpoint = trial.endpoint;
        let untried = |reason: String| (untried(caller, reason), false);
        if let Some(reason) = self.reason_to_skip(endpoint, expected.is_none()) {
            return Ok(untried(reason));
        }
        let Some(token) = self.token(caller, trial)? else { return Ok(untried(NO_KEY.to_owned())) };
        let before = self.state(endpoint, &trial.path)?;
        let answer = self.ask(trial, caller, token.as_deref())?;
        if let Some(id) = answer.made() {
            self.fixture.note_record(format!("{}/{id}", trial.path));
        }
        if caller == Caller::Narrow && is_record_missing(endpoint, &answer) {
            return Ok(untried(NO_RECORD.to_owned()));
        }
        let mut differences: Vec<String> =
            difference_from_rule(endpoint, expected, &answer).into_iter().collect();
        differences.extend(self.broken_invariants(trial, caller, token.as_deref(), &answer)?);
        if !answer.is_success() && self.state(endpoint, &trial.path)? != before {
            differences.push(format!("gets {} and changed the record anyway", answer.summary()));
        }
        let outcome = match differences.is_empty() {
            false => Outcome::Different(differences),
            true if expected.is_none() && is_record_missing(endpoint, &answer) => {
                Outcome::NotTried(NO_RECORD.to_owned())
            }
            true => Outcome::AsExpected,
        };
        Ok((Cell::new(caller, answer.summary(), outcome), answer.is_success()))
    }

    /// Returns a route with a record of this owner, or the reason for which there is none.
    pub(super) fn trial<'a>(
        &self,
        endpoint: &'a Endpoint,
        owner: TestUser,
    ) -> Result<Result<Trial<'a>, String>, VerifyError> {
        let path = match self.fixture.path(endpoint, &owner) {
            Ok(path) => path,
            Err(NoRecord::NotMade(reason)) => return Ok(Err(reason)),
            Err(NoRecord::Failed(error)) => return Err(error),
        };
        Ok(Ok(Trial { endpoint, owner, path }))
    }

    /// Returns the record that a route can change, read by a caller with every scope.
    pub(super) fn state(&self, endpoint: &Endpoint, path: &str) -> Result<Option<String>, VerifyError> {
        if !matches!(endpoint.access, Access::Record(rule) if rule.changes) {
            return Ok(None);
        }
        let parent = |path: &'_ str| path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
        let readable = |template: &str| {
            let mut routes = self.fixture.app.routes().iter();
            routes.any(|route| route.method == Method::GET && route.path == template)
        };
        let path = if readable(endpoint.path) {
            path.to_owned()
        } else if readable(&parent(endpoint.path)) {
            parent(path)
        } else {
            return Ok(None);
        };
        let answer = self.fixture.send(&Request::get(path), Some(&self.fixture.everything()?))?;
        Ok(answer.is_success().then_some(answer.body))
    }

    /// Returns the reason for which a route is not tried on a server that stays in use.
    fn reason_to_skip(&self, endpoint: &Endpoint, is_let_in: bool) -> Option<String> {
        let of_everybody = matches!(
            endpoint.access,
            Access::Collection(rule) if rule.changes && rule.action != Create::NAME
        );
        let spare = self.options.stays_in_use && is_let_in && of_everybody;
        spare.then(|| "it would change the state of the whole server".to_owned())
    }

    /// Returns the token of a caller, or no token. None when the token is not available.
    fn token(&self, caller: Caller, trial: &Trial<'_>) -> Result<Option<Option<String>>, VerifyError> {
        let (fixture, owner) = (&self.fixture, &trial.owner);
        Ok(Some(match caller {
            Caller::Anonymous => None,
            Caller::Malformed => Some("not-a-token".to_owned()),
            Caller::Wrong(defect) => return Ok(fixture.wrong(defect, owner)?.map(Some)),
            Caller::WithoutScope => {
                let opens: ScopeSet = trial
                    .endpoint
                    .access
                    .rule()
                    .into_iter()
                    .flat_map(|rule| rule.condition.scopes())
                    .collect();
                Some(fixture.log_in(&owner.email, Some(&fixture.own_scopes().difference(&opens)))?)
            }
            Caller::AnotherUser => Some(fixture.log_in(&fixture.other.email, None)?),
            Caller::Role(role) => Some(fixture.log_in(&self.person(role)?.email, None)?),
            Caller::Narrow => {
                let rule = trial.endpoint.access.rule();
                let scope = rule.and_then(|rule| rule.condition.anyone_scope()).into_iter().collect();
                Some(fixture.log_in(&self.person(Role::ADMIN)?.email, Some(&scope))?)
            }
            Caller::Client => Some(fixture.token_of(&self.client)?),
            Caller::NamedLikeTheOwner => return Ok(fixture.named_like(owner)?.map(Some)),
            Caller::ClientWithAny => Some(fixture.token_of(&self.client_with_any)?),
            Caller::Owner => Some(owner.token.clone()),
            Caller::Ended => {
                let token = fixture.log_in(&owner.email, None)?;
                fixture.log_out(&token)?;
                Some(token)
            }
            Caller::Suspended => {
                fixture.suspend(owner)?;
                Some(owner.token.clone())
            }
            Caller::Deleted => {
                fixture.delete(owner)?;
                Some(owner.token.clone())
            }
            // Its request is sent with the token of before.
            Caller::Interrupted(_) => None,
        }))
    }

    /// Returns the test user with this role.
    fn person(&self, role: Role) -> Result<&TestUser, VerifyError> {
        let person = self.roles.iter().find(|(known, _)| *known == role).map(|(_, person)| person);
        person.ok_or_else(|| VerifyError::new(format!("no test user has the role {role}")))
    }

    fn ask(&self, trial: &Trial<'_>, caller: Caller, token: Option<&str>) -> Result<Answer, VerifyError> {
        self.fixture.call(trial.endpoint, trial.path.clone(), &trial.owner, caller == Caller::Owner, token)
    }

    /// Returns the broken invariants.
    fn broken_invariants(
        &self,
        trial: &Trial<'_>,
        caller: Caller,
        token: Option<&str>,
        answer: &Answer,
    ) -> Result<Vec<String>, VerifyError> {
        let endpoint = trial.endpoint;
        let mut found = Vec::new();
        if answer.is_success() && is_always_refused(caller.kind(), endpoint.access) {
            found.push(format!("gets {} and must be refused", answer.summary()));
        }
        found.extend(leaked_secret(
            endpoint,
            answer,
            &[&self.fixture.password, trial.owner.token.as_str(), token.unwrap_or_default()],
        ));
        if caller == Caller::AnotherUser && !answer.is_success() && hides_existence(endpoint) {
            found.extend(self.reveals_existence(trial, token, answer)?);
        }
        Ok(found)
    }

    /// Returns the difference by which a caller can distinguish another user's record from a missing one: status,
    /// headers, body, or response time.
    fn reveals_existence(
        &self,
        trial: &Trial<'_>,
        token: Option<&str>,
        answer: &Answer,
    ) -> Result<Option<String>, VerifyError> {
        let id = Random::system().uuid_at(Clock::system().now()).unwrap_or(Uuid::max());
        let path = self.fixture.path_to(trial.endpoint, &id.to_string(), &trial.owner)?;
        let ask = |path: &str| self.fixture.call(trial.endpoint, path.to_owned(), &trial.owner, false, token);
        let missing = ask(&path)?;
        if missing.content() != answer.content() {
            let (there, not_there) = (answer.summary(), missing.summary());
            let how = if there == not_there { "by the headers or the body" } else { "by the status" };
            return Ok(Some(format!(
                "can distinguish an existing record ({there}) from a missing one ({not_there}), {how}"
            )));
        }
        if !self.options.timing || trial.endpoint.method != Method::GET {
            return Ok(None);
        }
        for _ in 0..ROUNDS {
            let (mut there, mut not_there) = (Vec::new(), Vec::new());
            for _ in 0..SAMPLES {
                there.push(ask(&trial.path)?.took);
                not_there.push(ask(&path)?.took);
            }
            if !differ(&there, &not_there) {
                return Ok(None);
            }
        }
        Ok(Some("can distinguish an existing record from a missing one, by the response time".to_owned()))
    }
}

fn add(outcome: &mut Outcome, difference: String) {
    match outcome {
        Outcome::Different(differences) => differences.push(difference),
        _ => *outcome = Outcome::Different(vec![difference]),
    }
}

/// Returns true when the route may change something for the next caller.
fn may_change(endpoint: &Endpoint) -> bool {
    endpoint.method != Method::GET
}

/// Returns true when a route with several parameters found no record for the last.
fn is_record_missing(endpoint: &Endpoint, answer: &Answer) -> bool {
    answer.status == 404 && endpoint.path.matches('{').count() > 1
}

pub(super) fn untried(caller: Caller, reason: String) -> Cell {
    Cell::new(caller, "–".to_owned(), Outcome::NotTried(reason))
}

/// Returns the result of a route for which the question makes no sense.
pub(super) fn pointless(caller: Caller, reason: &str) -> Cell {
    Cell::new(caller, "–".to_owned(), Outcome::DoesNotApply(reason.to_owned()))
}

/// Returns the result for a caller that the server could not be asked as.
fn broken(caller: Caller, VerifyError(why): &VerifyError) -> Cell {
    Cell::new(caller, "no answer".to_owned(), Outcome::Different(vec![format!("cannot be tried: {why}")]))
}

fn not_tried(endpoint: &Endpoint, vocabulary: &Vocabulary, reason: &str) -> RouteReport {
    let cell = |caller| Cell { answer: reason.to_owned(), ..untried(caller, reason.to_owned()) };
    RouteReport { route: endpoint.name(), cells: Caller::all(vocabulary).into_iter().map(cell).collect() }
}
