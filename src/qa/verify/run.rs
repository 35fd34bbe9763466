//! The run: every route, as everybody.

use std::sync::Arc;

use actix_web::http::Method;
use uuid::Uuid;

use super::caller::Caller;
use super::checks::{differs, hides_what_is_there, must_be_refused, private_list, secret_in};
use super::client::{Answer, Request};
use super::people::{PASSWORD, Person, Program, World};
use super::records::NoRecord;
use super::report::{Cell, Outcome, Report, RouteReport};
use super::timing::{ROUNDS, SAMPLES, differ};
use super::{Target, Trouble};
use crate::App;
use crate::authz::action::{Action as _, Create};
use crate::authz::{ScopeSet, Vocabulary};
use crate::domain::{Clock, Random, Role};
use crate::http::{Access, Code, Endpoint, Rules};

/// How a server is to be tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Nothing is done to it that cannot be undone: it is somebody's.
    pub(crate) careful: bool,
    /// Whether it is looked at how long answers take.
    pub(crate) timing: bool,
    /// Whether anybody may register there.
    pub(crate) registration_open: bool,
}

/// A server that is being tried.
pub(crate) struct Verification {
    world: World,
    options: Options,
    vocabulary: Arc<Vocabulary>,
    url: String,
    roles: Vec<(Role, Person)>,
    client: Program,
    client_with_any: Program,
}

/// A route that is being tried, and its path to a record of its owner's.
struct Trial<'a> {
    endpoint: &'a Endpoint,
    owner: Person,
    path: String,
}

const NO_KEY: &str = "it takes the server's key, which is not here";

impl Verification {
    /// Makes those who are to call.
    ///
    /// # Errors
    /// When the server does not let them be made.
    pub(crate) fn begin(app: &Arc<App>, target: Target, options: Options) -> Result<Self, Trouble> {
        let url = target.url.clone();
        let world = World::of(app, target)?;
        let vocabulary = Arc::new(app.vocabulary().clone());
        let special = |caller: Caller| match caller {
            Caller::Role(role) => Some(role),
            _ => None,
        };
        let roles = Caller::all(&vocabulary).into_iter().filter_map(special);
        let roles: Result<Vec<_>, Trouble> =
            roles.map(|role| Ok((role, world.person(&[role, Role::USER])?))).collect();
        let (own, all) = (world.own_scopes(), world.all_scopes());
        let (client, client_with_any) = (world.program(&own)?, world.program(&all)?);
        Ok(Self { roles: roles?, client, client_with_any, world, options, vocabulary, url })
    }

    /// Tries every route that is served, tells of each, and removes what was made.
    ///
    /// # Errors
    /// When the server stops to answer.
    pub(crate) fn run(&self, endpoints: &[Endpoint], tell: impl Fn(&RouteReport)) -> Result<Report, Trouble> {
        let mut report = Report { target: self.url.clone(), ..Report::default() };
        let tried = self.routes(endpoints, &mut report, tell);
        // A database that is thrown away needs no cleaning, and its only administrator must stay.
        let removed = if self.options.careful { self.world.clean_up() } else { Ok(()) };
        tried?;
        report.general.extend(removed.err().map(|Trouble(left)| left));
        Ok(report)
    }

    fn routes(
        &self,
        endpoints: &[Endpoint],
        report: &mut Report,
        tell: impl Fn(&RouteReport),
    ) -> Result<(), Trouble> {
        // First, while a list is too short to have a second page.
        let mut shown = Vec::new();
        for endpoint in endpoints {
            shown.push(self.shows_the_owners(endpoint)?);
        }
        let rules = Rules {
            name: self.world.app.name,
            routes: endpoints,
            vocabulary: &self.vocabulary,
            registration_open: self.options.registration_open,
        };
        for (endpoint, shown) in endpoints.iter().zip(shown) {
            let mut route = self.route(endpoint, &rules)?;
            let another = route.cells.iter_mut().find(|cell| cell.caller == Caller::AnotherUser);
            if let (Some(cell), Some(shown)) = (another, shown) {
                add(&mut cell.outcome, shown);
            }
            tell(&route);
            report.routes.push(route);
        }
        Ok(())
    }

    /// Whether a list of what is somebody's shows another user what is the owner's.
    fn shows_the_owners(&self, endpoint: &Endpoint) -> Result<Option<String>, Trouble> {
        let Some(rule) = private_list(endpoint) else { return Ok(None) };
        let owner = self.world.new_owner()?;
        let made = self.world.make(rule, &owner).and_then(|id| Ok((id, self.world.path(endpoint, &owner)?)));
        let (id, path) = match made {
            Ok(made) => made,
            Err(NoRecord::NotMade(_)) => return Ok(None),
            Err(NoRecord::Trouble(trouble)) => return Err(trouble),
        };
        let token = self.world.log_in(&self.world.other.email, None)?;
        let answer = self.world.ask(endpoint, path, &owner, false, Some(&token))?;
        Ok(answer.body.contains(&id).then(|| "is shown a record of the owner's".to_owned()))
    }

    fn route(&self, endpoint: &Endpoint, rules: &Rules<'_, Endpoint>) -> Result<RouteReport, Trouble> {
        let read = endpoint.read_rule();
        let (mut cells, mut trial) = (Vec::new(), None);
        for caller in Caller::all(&self.vocabulary) {
            let expected = rules.refusal(endpoint, read, caller.kind());
            let kept = match trial.take() {
                Some(trial) => trial,
                None => match self.trial(endpoint)? {
                    Ok(trial) => trial,
                    Err(reason) if cells.is_empty() => {
                        return Ok(not_tried(endpoint, &self.vocabulary, &reason));
                    }
                    Err(reason) => return Err(Trouble::new(format!("{}: {reason}", endpoint.name()))),
                },
            };
            let (cell, was_let_in) = self.cell(&kept, caller, expected)?;
            cells.push(cell);
            // What somebody did who was let in, the next one must not find.
            let ends_the_owner = matches!(caller, Caller::Suspended | Caller::Deleted);
            trial = Some(kept).filter(|_| !(was_let_in && may_change(endpoint) || ends_the_owner));
        }
        Ok(RouteReport { route: endpoint.name(), cells })
    }

    /// The route as one caller, and whether they were let in.
    fn cell(
        &self,
        trial: &Trial<'_>,
        caller: Caller,
        expected: Option<Code>,
    ) -> Result<(Cell, bool), Trouble> {
        let endpoint = trial.endpoint;
        let untried = |reason: String| {
            (Cell { caller, answer: "–".to_owned(), outcome: Outcome::NotTried(reason) }, false)
        };
        if let Some(reason) = self.spared(endpoint, expected.is_none()) {
            return Ok(untried(reason));
        }
        let Some(token) = self.token(caller, trial)? else { return Ok(untried(NO_KEY.to_owned())) };
        let before = self.state(endpoint, &trial.path)?;
        let answer = self.ask(trial, caller, token.as_deref())?;
        if let Some(id) = answer.made() {
            self.world.made_record(format!("{}/{id}", trial.path));
        }
        let mut differences: Vec<String> = differs(endpoint, expected, &answer).into_iter().collect();
        differences.extend(self.besides(trial, caller, token.as_deref(), &answer)?);
        if !answer.is_success() && self.state(endpoint, &trial.path)? != before {
            differences.push(format!("is answered {} and changed it all the same", answer.summary()));
        }
        let outcome = match differences.is_empty() {
            false => Outcome::Different(differences),
            true if expected.is_none() && is_of_no_record(endpoint, &answer) => {
                Outcome::NotTried("there is no such record: no route makes one".to_owned())
            }
            true => Outcome::AsItShould,
        };
        Ok((Cell { caller, answer: answer.summary(), outcome }, answer.is_success()))
    }

    /// A route, and a path to a record of a new owner's; or why there is none.
    fn trial<'a>(&self, endpoint: &'a Endpoint) -> Result<Result<Trial<'a>, String>, Trouble> {
        let owner = self.world.new_owner()?;
        let path = match self.world.path(endpoint, &owner) {
            Ok(path) => path,
            Err(NoRecord::NotMade(reason)) => return Ok(Err(reason)),
            Err(NoRecord::Trouble(trouble)) => return Err(trouble),
        };
        Ok(Ok(Trial { endpoint, owner, path }))
    }

    /// What a changing route would change, as somebody who reads everything sees it.
    fn state(&self, endpoint: &Endpoint, path: &str) -> Result<Option<String>, Trouble> {
        if !matches!(endpoint.access, Access::Record(rule) if rule.changes) {
            return Ok(None);
        }
        let parent = |path: &'_ str| path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
        let readable = |template: &str| {
            let mut routes = self.world.app.routes().iter();
            routes.any(|route| route.method == Method::GET && route.path == template)
        };
        let path = if readable(endpoint.path) {
            path.to_owned()
        } else if readable(&parent(endpoint.path)) {
            parent(path)
        } else {
            return Ok(None);
        };
        let answer = self.world.send(&Request::get(path), Some(&self.world.everything()?))?;
        Ok(answer.is_success().then_some(answer.body))
    }

    /// Why a route is not tried on a server that is somebody's, if it is not.
    fn spared(&self, endpoint: &Endpoint, is_let_in: bool) -> Option<String> {
        let of_everybody = matches!(
            endpoint.access,
            Access::Collection(rule) if rule.changes && rule.action != Create::NAME
        );
        let spare = self.options.careful && is_let_in && of_everybody;
        spare.then(|| "it would change what is everybody's on the server".to_owned())
    }

    /// What they call with: a token, or nothing. None where it cannot be had.
    fn token(&self, caller: Caller, trial: &Trial<'_>) -> Result<Option<Option<String>>, Trouble> {
        let (world, owner) = (&self.world, &trial.owner);
        Ok(Some(match caller {
            Caller::Nobody => None,
            Caller::Malformed => Some("not-a-token".to_owned()),
            Caller::Wrong(defect) => return Ok(world.wrong(defect, owner)?.map(Some)),
            Caller::WithoutScope => {
                let opens: ScopeSet = trial
                    .endpoint
                    .access
                    .rule()
                    .into_iter()
                    .flat_map(|rule| rule.condition.scopes())
                    .collect();
                Some(world.log_in(&owner.email, Some(&world.own_scopes().difference(&opens)))?)
            }
            Caller::AnotherUser => Some(world.log_in(&world.other.email, None)?),
            Caller::Role(role) => {
                let person = self.roles.iter().find(|(known, _)| *known == role).map(|(_, person)| person);
                let person = person.ok_or_else(|| Trouble::new(format!("nobody has the role {role}")))?;
                Some(world.log_in(&person.email, None)?)
            }
            Caller::Client => Some(world.token_of(&self.client)?),
            Caller::NamedLikeTheOwner => return Ok(world.named_like(owner)?.map(Some)),
            Caller::ClientWithAny => Some(world.token_of(&self.client_with_any)?),
            Caller::Owner => Some(owner.token.clone()),
            Caller::Ended => {
                let token = world.log_in(&owner.email, None)?;
                world.log_out(&token)?;
                Some(token)
            }
            Caller::Suspended => {
                world.suspend(owner)?;
                Some(owner.token.clone())
            }
            Caller::Deleted => {
                world.delete(owner)?;
                Some(owner.token.clone())
            }
        }))
    }

    fn ask(&self, trial: &Trial<'_>, caller: Caller, token: Option<&str>) -> Result<Answer, Trouble> {
        self.world.ask(trial.endpoint, trial.path.clone(), &trial.owner, caller == Caller::Owner, token)
    }

    /// What holds of every application, and does not hold here.
    fn besides(
        &self,
        trial: &Trial<'_>,
        caller: Caller,
        token: Option<&str>,
        answer: &Answer,
    ) -> Result<Vec<String>, Trouble> {
        let endpoint = trial.endpoint;
        let mut found = Vec::new();
        if answer.is_success() && must_be_refused(caller.kind(), endpoint.access) {
            found.push(format!("is answered {} and must be refused", answer.summary()));
        }
        found.extend(secret_in(
            endpoint,
            answer,
            &[PASSWORD, trial.owner.token.as_str(), token.unwrap_or_default()],
        ));
        if caller == Caller::AnotherUser && !answer.is_success() && hides_what_is_there(endpoint) {
            found.extend(self.tells_what_is_there(trial, token, answer)?);
        }
        Ok(found)
    }

    /// Whether another's record can be told from one that is not there: by the status, the headers, the
    /// body, or the time that it takes.
    fn tells_what_is_there(
        &self,
        trial: &Trial<'_>,
        token: Option<&str>,
        answer: &Answer,
    ) -> Result<Option<String>, Trouble> {
        let id = Random::system().uuid_at(Clock::system().now()).unwrap_or(Uuid::max());
        let path = self.world.path_to(trial.endpoint, &id.to_string(), &trial.owner)?;
        let ask = |path: &str| self.world.ask(trial.endpoint, path.to_owned(), &trial.owner, false, token);
        let missing = ask(&path)?;
        if missing.says() != answer.says() {
            let (there, not_there) = (answer.summary(), missing.summary());
            let how = if there == not_there { "by its headers or its words" } else { "by the status" };
            return Ok(Some(format!(
                "can tell a record that is there ({there}) from one that is not ({not_there}), {how}"
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
        Ok(Some("can tell a record that is there from one that is not, by the time that it takes".to_owned()))
    }
}

fn add(outcome: &mut Outcome, difference: String) {
    match outcome {
        Outcome::Different(differences) => differences.push(difference),
        Outcome::AsItShould | Outcome::NotTried(_) => *outcome = Outcome::Different(vec![difference]),
    }
}

/// Whether the route may leave something behind that another caller would find changed.
fn may_change(endpoint: &Endpoint) -> bool {
    endpoint.method != Method::GET
}

/// Whether a route that names more than one thing found the second not there.
fn is_of_no_record(endpoint: &Endpoint, answer: &Answer) -> bool {
    answer.status == 404 && endpoint.path.matches('{').count() > 1
}

fn not_tried(endpoint: &Endpoint, vocabulary: &Vocabulary, reason: &str) -> RouteReport {
    let cell =
        |caller| Cell { caller, answer: reason.to_owned(), outcome: Outcome::NotTried(reason.to_owned()) };
    RouteReport { route: endpoint.name(), cells: Caller::all(vocabulary).into_iter().map(cell).collect() }
}
