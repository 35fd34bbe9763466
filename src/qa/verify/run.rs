//! Run of a verification: every route as every caller.

use std::cell::Cell as StdCell;
use std::sync::Arc;
use std::time::Instant;

use super::caller::Caller;
use super::checks::{CHECKS, CheckRun};
use super::fixture::{Fixture, TestClient, TestUser};
use super::invariants::private_list;
use super::leftovers::OtherRuns;
use super::records::NoRecord;
use super::report::{Cell, broken, untried};
use super::{Outcome, Report, RouteReport, Target, VerifyError};
use crate::app::App;
use crate::authz::Vocabulary;
use crate::domain::Role;
use crate::http::{Endpoint, Rules};

/// Options of a verification.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Set when the server stays in use: test data is removed, and changes that cannot be undone are skipped.
    pub(crate) careful: bool,
    /// Set when response times are compared.
    pub(crate) timing: bool,
    /// Set when registration is open.
    pub(crate) registration_open: bool,
    /// Set when the run ends at the first difference.
    pub(crate) fail_fast: bool,
}

/// Verification of a server.
pub(crate) struct Verification<'f> {
    pub(super) fixture: &'f Fixture,
    pub(super) options: Options,
    vocabulary: Arc<Vocabulary>,
    pub(super) roles: Vec<(Role, TestUser)>,
    /// User who gets relations to records, if the application has one.
    pub(super) related: Option<TestUser>,
    pub(super) client: TestClient,
    pub(super) client_with_any: TestClient,
    /// Number of requests in succession that got no answer.
    unanswered: StdCell<u32>,
}

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
        let related = (!vocabulary.relations().is_empty()).then(|| fixture.new_owner()).transpose()?;
        let unanswered = StdCell::new(0);
        Ok(Self { roles: roles?, related, client, client_with_any, fixture, options, vocabulary, unanswered })
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
        let checks = CheckRun::new(self.fixture, endpoints, &rules);
        for check in CHECKS {
            let (tried, error) = check.run(&checks);
            report.checks.push(tried);
            self.answered(error.map_or(Ok(()), Err))?.ok();
            self.end_at_difference(report)?;
        }
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
            self.end_at_difference(report)?;
        }
        Ok(())
    }

    /// Ends the run when something differs, and the options say so.
    fn end_at_difference(&self, report: &Report) -> Result<(), VerifyError> {
        match self.options.fail_fast && !report.differences().is_empty() {
            true => Err(VerifyError::new("--fail-fast, and something differs")),
            false => Ok(()),
        }
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
}

fn add(outcome: &mut Outcome, difference: String) {
    match outcome {
        Outcome::Different(differences) => differences.push(difference),
        _ => *outcome = Outcome::Different(vec![difference]),
    }
}

fn not_tried(endpoint: &Endpoint, vocabulary: &Vocabulary, reason: &str) -> RouteReport {
    let cell = |caller| Cell { answer: reason.to_owned(), ..untried(caller, reason.to_owned()) };
    RouteReport { route: endpoint.name(), cells: Caller::all(vocabulary).into_iter().map(cell).collect() }
}
