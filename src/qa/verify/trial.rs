//! Trial: a route with a record of a new owner, called as one caller.

use std::cell::OnceCell;

use actix_web::http::Method;
use uuid::Uuid;

use super::caller::Caller;
use super::client::Answer;
use super::fixture::{Fixture, TestUser};
use super::invariants::{difference_from_rule, hides_existence, is_always_refused, leaked_secret};
use super::records::NoRecord;
use super::report::{Cell, untried};
use super::timing::{ROUNDS, SAMPLES, differ};
use super::{Outcome, Request, Verification, VerifyError};
use crate::authz::ScopeSet;
use crate::authz::action::{Action as _, Create};
use crate::domain::{Clock, Random, Role};
use crate::http::{Access, Code, Endpoint, Rules};

/// Route under test, with its path to a record of a new owner.
pub(super) struct Trial<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) owner: TestUser,
    pub(super) path: String,
    /// Cookie of a session of the owner's browser, once a caller needed it.
    cookie: OnceCell<String>,
}

const NO_RECORD: &str = "no such record: no route creates one";
pub(super) const NO_KEY: &str = "it needs the server's signing key, which is not available";

impl Verification<'_> {
    /// Tries a route as one caller. Returns the result, and the record if the next caller can be tried on it.
    pub(super) fn try_caller<'a>(
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
            None => match self.trial(endpoint, self.fixture.new_owner()?) {
                Ok(trial) => trial,
                Err(NoRecord::NotMade(reason)) => {
                    return Ok((Cell { answer: reason.clone(), ..untried(caller, reason) }, None));
                }
                Err(NoRecord::Failed(error)) => return Err(error),
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
        // A sign-in changes the time of the last login, so it comes before the state is read.
        let request = self.request(trial, caller)?;
        let before = self.state(endpoint, &trial.path)?;
        let answer = self.ask(trial, caller, request, token.as_deref())?;
        if let Some(id) = answer.made() {
            self.fixture.note_record(format!("{}/{id}", trial.path), self.user(caller, trial)?);
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

    /// Returns a route with a record of this owner.
    pub(super) fn trial<'a>(&self, endpoint: &'a Endpoint, owner: TestUser) -> Result<Trial<'a>, NoRecord> {
        let path = self.fixture.path(endpoint, &owner)?;
        Ok(Trial { endpoint, owner, path, cookie: OnceCell::new() })
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
        let spare = self.options.careful && !self.fixture.is_test_server && is_let_in && of_everybody;
        spare.then(|| "it would change the state of the whole server".to_owned())
    }

    /// Returns the token of a caller, or no token. None when the token is not available.
    fn token(&self, caller: Caller, trial: &Trial<'_>) -> Result<Option<Option<String>>, VerifyError> {
        let (fixture, owner) = (&self.fixture, &trial.owner);
        Ok(Some(match caller {
            // A browser sends a cookie instead.
            Caller::Anonymous | Caller::Browser | Caller::AdminsBrowser | Caller::ForeignPage(_) => None,
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
            Caller::Related(_) => Some(self.related_user()?.token.clone()),
            Caller::Role(role) => Some(fixture.log_in(&self.person(role)?.email, None)?),
            Caller::Narrow => {
                let rule = trial.endpoint.access.rule();
                let scope = rule.and_then(|rule| rule.condition.anyone_scope()).into_iter().collect();
                Some(fixture.log_in(&self.person(Role::ADMIN)?.email, Some(&scope))?)
            }
            Caller::StaleOwner => return Ok(fixture.stale(owner)?.map(Some)),
            Caller::StaleAdmin => return Ok(fixture.stale(self.person(Role::ADMIN)?)?.map(Some)),
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

    /// Returns the user whose record a caller creates, if the caller is a user.
    fn user<'t>(&'t self, caller: Caller, trial: &'t Trial<'_>) -> Result<Option<&'t TestUser>, VerifyError> {
        Ok(match caller {
            Caller::AnotherUser => Some(&self.fixture.other),
            Caller::Related(_) => Some(self.related_user()?),
            Caller::Role(role) => Some(self.person(role)?),
            Caller::Narrow | Caller::AdminsBrowser | Caller::StaleAdmin => Some(self.person(Role::ADMIN)?),
            Caller::Client | Caller::ClientWithAny => None,
            _ => Some(&trial.owner),
        })
    }

    /// Returns the test user who gets a relation to a record.
    pub(super) fn related_user(&self) -> Result<&TestUser, VerifyError> {
        self.related.as_ref().ok_or_else(|| VerifyError::new("the application has no relation to a user"))
    }

    /// Returns the test user with this role.
    fn person(&self, role: Role) -> Result<&TestUser, VerifyError> {
        let person = self.roles.iter().find(|(known, _)| *known == role).map(|(_, person)| person);
        person.ok_or_else(|| VerifyError::new(format!("no test user has the role {role}")))
    }

    /// Returns the request of a caller, with the cookie of a browser and what the browser says of the page.
    fn request(&self, trial: &Trial<'_>, caller: Caller) -> Result<Request, VerifyError> {
        let fixture = self.fixture;
        let request = Request::new(trial.endpoint.method.clone(), trial.path.clone());
        Ok(match caller {
            Caller::Browser => fixture.on_own_page(request, trial.cookie(fixture)?),
            Caller::AdminsBrowser => {
                fixture.on_own_page(request, &fixture.cookie_of(self.person(Role::ADMIN)?)?)
            }
            Caller::ForeignPage(how) => {
                let request = request.header("cookie", trial.cookie(fixture)?);
                how.headers().iter().fold(request, |request, (name, value)| request.header(name, *value))
            }
            _ => request,
        })
    }

    fn ask(
        &self,
        trial: &Trial<'_>,
        caller: Caller,
        request: Request,
        token: Option<&str>,
    ) -> Result<Answer, VerifyError> {
        let (fixture, endpoint, owner) = (self.fixture, trial.endpoint, &trial.owner);
        let is_owner = matches!(caller, Caller::Owner | Caller::Browser | Caller::ForeignPage(_));
        fixture.with_examples(endpoint, request, owner, is_owner, |request| fixture.send(request, token))
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

impl Trial<'_> {
    /// Returns the cookie of a session of the owner's browser.
    fn cookie(&self, fixture: &Fixture) -> Result<&str, VerifyError> {
        if self.cookie.get().is_none() {
            // Nothing else sets it.
            drop(self.cookie.set(fixture.cookie_of(&self.owner)?));
        }
        Ok(self.cookie.get().map(String::as_str).unwrap_or_default())
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
